// Stands in for Pulumi's language hosts for Python and Go beside a CLI that was built from source: their Go modules
// are not served by the module proxy. The name it is started under tells the language. Under the name of Node, whose
// programs language-host.cjs runs, it only generates.
//
// What it generates comes from Pulumi's own generators, and what it starts is Pulumi's own SDK of the language. It is
// never used where a genuine host exists, and it is not part of the published package.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	rpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

// The exit status of a program that has reported its own failure.
const alreadyReported = 32

// language is what differs between the languages.
type language interface {
	generator
	// command returns what runs the program, without the arguments of the request. The scratch folder is removed when
	// the program has ended.
	command(ctx context.Context, request *rpc.RunRequest, scratch string) (*exec.Cmd, error)
	// install gets what the program needs.
	install(ctx context.Context, info *rpc.ProgramInfo, stdout, stderr io.Writer) error
	// link makes the program use generated SDKs, by their folders.
	link(ctx context.Context, info *rpc.ProgramInfo, sdks []string) error
	// about returns what runs programs, and its version.
	about(ctx context.Context, info *rpc.ProgramInfo) (string, string, error)
	// dependencies returns versions of packages by name.
	dependencies(ctx context.Context, info *rpc.ProgramInfo) (map[string]string, error)
}

func main() {
	name := strings.TrimSuffix(filepath.Base(os.Args[0]), filepath.Ext(os.Args[0]))
	register, err := serviceOf(name[strings.LastIndex(name, "-")+1:])
	if err == nil {
		err = serve(register)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serviceOf(runtime string) (rpc.LanguageRuntimeServer, error) {
	switch runtime {
	case "nodejs":
		return &generating{of: nodejsLanguage{}}, nil
	case "python":
		return hostOf(python{}), nil
	case "go":
		return hostOf(golang{}), nil
	}
	return nil, fmt.Errorf("%q is no language of this program", runtime)
}

// serve prints the port, and serves until the CLI, which holds the other end of stdin, is gone.
func serve(service rpc.LanguageRuntimeServer) error {
	handle, err := rpcutil.ServeWithOptions(rpcutil.ServeOptions{
		Init: func(server *grpc.Server) error {
			rpc.RegisterLanguageRuntimeServer(server, service)
			return nil
		},
	})
	if err != nil {
		return err
	}
	fmt.Println(handle.Port)
	_, err = io.Copy(io.Discard, os.Stdin)
	_, _ = service.Cancel(context.Background(), nil)
	return err
}

type host struct {
	generating
	language

	mutex    sync.Mutex
	programs map[*exec.Cmd]struct{}
}

func hostOf(l language) *host {
	return &host{generating: generating{of: l}, language: l, programs: map[*exec.Cmd]struct{}{}}
}

func (h *host) Handshake(context.Context, *rpc.LanguageHandshakeRequest) (*rpc.LanguageHandshakeResponse, error) {
	return &rpc.LanguageHandshakeResponse{}, nil
}

// The engine asks for what is missing when a program registers its first resource.
func (h *host) GetRequiredPackages(
	context.Context, *rpc.GetRequiredPackagesRequest,
) (*rpc.GetRequiredPackagesResponse, error) {
	return &rpc.GetRequiredPackagesResponse{}, nil
}

func (h *host) GetPluginInfo(context.Context, *emptypb.Empty) (*rpc.PluginInfo, error) {
	return &rpc.PluginInfo{}, nil
}

func (h *host) RuntimeOptionsPrompts(
	context.Context, *rpc.RuntimeOptionsRequest,
) (*rpc.RuntimeOptionsResponse, error) {
	return &rpc.RuntimeOptionsResponse{}, nil
}

func (h *host) Run(ctx context.Context, request *rpc.RunRequest) (*rpc.RunResponse, error) {
	scratch, err := os.MkdirTemp("", "pulumi-program-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(scratch)
	command, err := h.command(ctx, request, scratch)
	if err != nil {
		return &rpc.RunResponse{Error: err.Error()}, nil
	}
	settings, err := environment(request)
	if err != nil {
		return nil, err
	}
	if command.Env == nil {
		command.Env = os.Environ()
	}
	command.Env = append(command.Env, settings...)
	command.Args = append(command.Args, request.Args...)
	// The CLI shows what the program prints: both streams are its pipes already.
	command.Stdout, command.Stderr = os.Stdout, os.Stderr

	err = h.toTheEnd(command)
	switch status := command.ProcessState.ExitCode(); {
	case err == nil:
		return &rpc.RunResponse{}, nil
	case status == alreadyReported:
		return &rpc.RunResponse{Bail: true}, nil
	case status > 0:
		return &rpc.RunResponse{Error: fmt.Sprintf("Program exited with non-zero exit code: %d", status)}, nil
	default:
		return &rpc.RunResponse{Error: fmt.Sprintf("Program did not run to its end: %v", err)}, nil
	}
}

// toTheEnd runs a command that Cancel ends.
func (h *host) toTheEnd(command *exec.Cmd) error {
	h.mutex.Lock()
	err := command.Start()
	if err == nil {
		h.programs[command] = struct{}{}
	}
	h.mutex.Unlock()
	if err != nil {
		return err
	}
	err = command.Wait()
	h.mutex.Lock()
	delete(h.programs, command)
	h.mutex.Unlock()
	return err
}

func (h *host) Cancel(context.Context, *emptypb.Empty) (*emptypb.Empty, error) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	for program := range h.programs {
		_ = program.Process.Signal(syscall.SIGTERM)
	}
	return &emptypb.Empty{}, nil
}

func (h *host) InstallDependencies(
	request *rpc.InstallDependenciesRequest, stream grpc.ServerStreamingServer[rpc.InstallDependenciesResponse],
) error {
	stdout := writer(func(text []byte) error {
		return stream.Send(&rpc.InstallDependenciesResponse{Stdout: text})
	})
	stderr := writer(func(text []byte) error {
		return stream.Send(&rpc.InstallDependenciesResponse{Stderr: text})
	})
	return h.install(stream.Context(), request.Info, stdout, stderr)
}

func (h *host) Link(ctx context.Context, request *rpc.LinkRequest) (*rpc.LinkResponse, error) {
	var sdks []string
	for _, dependency := range request.Packages {
		sdks = append(sdks, dependency.Path)
	}
	if err := h.link(ctx, request.Info, sdks); err != nil {
		return nil, err
	}
	return &rpc.LinkResponse{}, nil
}

func (h *host) About(ctx context.Context, request *rpc.AboutRequest) (*rpc.AboutResponse, error) {
	executable, version, err := h.about(ctx, request.Info)
	return &rpc.AboutResponse{Executable: executable, Version: version}, err
}

func (h *host) GetProgramDependencies(
	ctx context.Context, request *rpc.GetProgramDependenciesRequest,
) (*rpc.GetProgramDependenciesResponse, error) {
	found, err := h.dependencies(ctx, request.Info)
	response := &rpc.GetProgramDependenciesResponse{}
	for name, version := range found {
		response.Dependencies = append(response.Dependencies, &rpc.DependencyInfo{Name: name, Version: version})
	}
	return response, err
}

// environment holds what every SDK reads from the environment.
func environment(request *rpc.RunRequest) ([]string, error) {
	// No config is an empty object to the SDKs, and no null.
	config, err := json.Marshal(maps.Collect(maps.All(request.Config)))
	if err != nil {
		return nil, err
	}
	secretKeys, err := json.Marshal(append([]string{}, request.ConfigSecretKeys...))
	if err != nil {
		return nil, err
	}
	return []string{
		pulumi.EnvConfig + "=" + string(config),
		pulumi.EnvConfigSecretKeys + "=" + string(secretKeys),
		pulumi.EnvDryRun + "=" + strconv.FormatBool(request.DryRun),
		pulumi.EnvEngine + "=" + engine(),
		pulumi.EnvMonitor + "=" + request.MonitorAddress,
		pulumi.EnvOrganization + "=" + request.Organization,
		pulumi.EnvParallel + "=" + strconv.Itoa(int(request.Parallel)),
		pulumi.EnvProject + "=" + request.Project,
		pulumi.EnvPulumiRootDirectory + "=" + request.Info.GetRootDirectory(),
		pulumi.EnvStack + "=" + request.Stack,
	}, nil
}

// engine is the engine's address, the last argument of every host.
func engine() string {
	return os.Args[len(os.Args)-1]
}

type writer func(text []byte) error

func (w writer) Write(text []byte) (int, error) {
	return len(text), w(text)
}

// output runs a command, and puts what it says of a failure into the error.
func output(command *exec.Cmd) (string, error) {
	stdout, err := command.Output()
	var failure *exec.ExitError
	if errors.As(err, &failure) {
		err = fmt.Errorf("%s: %s", strings.Join(command.Args, " "), failure.Stderr)
	}
	return strings.TrimSpace(string(stdout)), err
}
