package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"golang.org/x/mod/modfile"

	gogen "github.com/pulumi/pulumi/pkg/v3/codegen/go"
	"github.com/pulumi/pulumi/pkg/v3/codegen/pcl"
	"github.com/pulumi/pulumi/pkg/v3/codegen/schema"
	rpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

type golang struct{}

func (golang) sdk(
	pkg *schema.Package, request *rpc.GeneratePackageRequest, _ schema.ReferenceLoader,
) (map[string][]byte, error) {
	return gogen.GeneratePackage(tool, pkg, request.LocalDependencies)
}

func (golang) program(program *pcl.Program) (map[string][]byte, hcl.Diagnostics, error) {
	return gogen.GenerateProgram(program)
}

func (golang) command(ctx context.Context, request *rpc.RunRequest, scratch string) (*exec.Cmd, error) {
	folder := request.Info.GetProgramDirectory()
	binary := request.Info.GetOptions().GetFields()["binary"].GetStringValue()
	if binary != "" {
		binary = filepath.Join(folder, binary)
	} else {
		binary = filepath.Join(scratch, "program")
		build := exec.CommandContext(ctx, "go", "build", "-o", binary, request.Info.GetEntryPoint())
		build.Dir = folder
		if _, err := output(build); err != nil {
			return nil, err
		}
	}
	program := exec.CommandContext(ctx, binary)
	program.Dir = folder
	return program, nil
}

func (golang) install(ctx context.Context, info *rpc.ProgramInfo, stdout, stderr io.Writer) error {
	tidy := exec.CommandContext(ctx, "go", "mod", "tidy")
	tidy.Dir, tidy.Stdout, tidy.Stderr = info.GetProgramDirectory(), stdout, stderr
	return tidy.Run()
}

func (golang) link(ctx context.Context, info *rpc.ProgramInfo, sdks []string) error {
	for _, sdk := range sdks {
		text, err := os.ReadFile(filepath.Join(info.GetRootDirectory(), sdk, "go.mod"))
		if err != nil {
			return err
		}
		replacement := fmt.Sprintf("%s=./%s", modfile.ModulePath(text), filepath.ToSlash(sdk))
		edit := exec.CommandContext(ctx, "go", "mod", "edit", "-replace", replacement)
		edit.Dir = info.GetProgramDirectory()
		if _, err := output(edit); err != nil {
			return err
		}
	}
	return nil
}

func (golang) about(ctx context.Context, _ *rpc.ProgramInfo) (string, string, error) {
	executable, err := exec.LookPath("go")
	if err != nil {
		return "", "", err
	}
	version, err := output(exec.CommandContext(ctx, executable, "env", "GOVERSION"))
	return executable, version, err
}

func (golang) dependencies(ctx context.Context, info *rpc.ProgramInfo) (map[string]string, error) {
	list := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Path}} {{.Version}}", "all")
	list.Dir = info.GetProgramDirectory()
	lines, err := output(list)
	versions := map[string]string{}
	for _, line := range strings.Split(lines, "\n") {
		if name, version, found := strings.Cut(line, " "); found {
			versions[name] = version
		}
	}
	return versions, err
}
