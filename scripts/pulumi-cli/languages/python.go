package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	"github.com/hashicorp/hcl/v2"

	"github.com/pulumi/pulumi/pkg/v3/codegen/pcl"
	pythongen "github.com/pulumi/pulumi/pkg/v3/codegen/python"
	"github.com/pulumi/pulumi/pkg/v3/codegen/schema"
	rpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"github.com/pulumi/pulumi/sdk/v3/python/toolchain"
)

// The SDK's own program that runs programs. It lies beside this one.
const runner = "pulumi-language-python-exec"

type python struct{}

func (python) sdk(
	pkg *schema.Package, request *rpc.GeneratePackageRequest, loader schema.ReferenceLoader,
) (map[string][]byte, error) {
	return pythongen.GeneratePackage(tool, pkg, request.ExtraFiles, loader)
}

func (python) program(program *pcl.Program) (map[string][]byte, hcl.Diagnostics, error) {
	return pythongen.GenerateProgram(program)
}

func (python) command(ctx context.Context, request *rpc.RunRequest, _ string) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	tools, err := toolsOf(request.Info)
	if err != nil {
		return nil, err
	}
	if err := tools.ValidateVenv(ctx); err != nil {
		return nil, err
	}
	return tools.Command(ctx,
		"-u", filepath.Join(filepath.Dir(self), runner),
		"--engine", engine(),
		"--monitor", request.MonitorAddress,
		"--organization", request.Organization,
		"--project", request.Project,
		"--stack", request.Stack,
		"--root_directory", request.Info.GetRootDirectory(),
		"--pwd", request.Info.GetProgramDirectory(),
		"--parallel", strconv.Itoa(int(request.Parallel)),
		"--dry_run", strconv.FormatBool(request.DryRun),
		request.Info.GetEntryPoint(),
	)
}

func (python) install(ctx context.Context, info *rpc.ProgramInfo, stdout, stderr io.Writer) error {
	tools, err := toolsOf(info)
	if err != nil {
		return err
	}
	return tools.InstallDependencies(ctx, info.GetProgramDirectory(), false, true, stdout, stderr)
}

func (python) link(ctx context.Context, info *rpc.ProgramInfo, sdks []string) error {
	tools, err := toolsOf(info)
	if err != nil {
		return err
	}
	packages := map[string]string{}
	for _, sdk := range sdks {
		// The folder of the module has the name of the package.
		marks, err := filepath.Glob(filepath.Join(info.GetRootDirectory(), sdk, "*", "pulumi-plugin.json"))
		if err != nil || len(marks) != 1 {
			return fmt.Errorf("%s is no generated SDK", sdk)
		}
		packages[filepath.Base(filepath.Dir(marks[0]))] = sdk
	}
	return tools.LinkPackages(ctx, packages)
}

func (python) about(ctx context.Context, info *rpc.ProgramInfo) (string, string, error) {
	tools, err := toolsOf(info)
	if err != nil {
		return "", "", err
	}
	found, err := tools.About(ctx)
	return found.PythonExecutable, found.PythonVersion.String(), err
}

func (python) dependencies(ctx context.Context, info *rpc.ProgramInfo) (map[string]string, error) {
	tools, err := toolsOf(info)
	if err != nil {
		return nil, err
	}
	packages, err := tools.ListPackages(ctx, false)
	versions := map[string]string{}
	for _, found := range packages {
		versions[found.Name] = found.Version
	}
	return versions, err
}

func toolsOf(info *rpc.ProgramInfo) (toolchain.Toolchain, error) {
	return toolchain.ResolveToolchain(toolchain.PythonOptions{
		Root:       info.GetRootDirectory(),
		ProgramDir: info.GetProgramDirectory(),
		Virtualenv: info.GetOptions().GetFields()["virtualenv"].GetStringValue(),
	})
}
