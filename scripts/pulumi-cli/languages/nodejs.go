package main

import (
	"github.com/hashicorp/hcl/v2"

	"github.com/pulumi/pulumi/pkg/v3/codegen/nodejs"
	"github.com/pulumi/pulumi/pkg/v3/codegen/pcl"
	"github.com/pulumi/pulumi/pkg/v3/codegen/schema"
	rpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

type nodejsLanguage struct{}

func (nodejsLanguage) sdk(
	pkg *schema.Package, request *rpc.GeneratePackageRequest, loader schema.ReferenceLoader,
) (map[string][]byte, error) {
	return nodejs.GeneratePackage(
		tool, pkg, request.ExtraFiles, request.LocalDependencies, request.Local, loader)
}

func (nodejsLanguage) program(program *pcl.Program) (map[string][]byte, hcl.Diagnostics, error) {
	return nodejs.GenerateProgram(program)
}
