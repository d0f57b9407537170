// Command vault serves HashiCorp Vault 1.14.1 (MPL-2.0) on a loopback address for tests: memory storage, unsealed,
// one root token read from a file, the versioned key-value engine mounted at kv/, AppRole and userpass logins.
package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	log "github.com/hashicorp/go-hclog"
	kv "github.com/hashicorp/vault-plugin-secrets-kv"
	"github.com/hashicorp/vault/builtin/credential/approle"
	"github.com/hashicorp/vault/builtin/credential/userpass"
	"github.com/hashicorp/vault/helper/namespace"
	vaulthttp "github.com/hashicorp/vault/http"
	"github.com/hashicorp/vault/internalshared/configutil"
	"github.com/hashicorp/vault/sdk/helper/consts"
	"github.com/hashicorp/vault/sdk/logical"
	"github.com/hashicorp/vault/sdk/physical/inmem"
	"github.com/hashicorp/vault/vault"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "loopback address to serve on")
	tokenFile := flag.String("token-file", "", "file holding the root token")
	flag.Parse()
	if err := serve(*listen, *tokenFile); err != nil {
		fmt.Fprintln(os.Stderr, "vault:", err)
		os.Exit(1)
	}
}

func serve(listen, tokenFile string) error {
	text, err := os.ReadFile(tokenFile)
	if err != nil {
		return fmt.Errorf("cannot read the root token: %w", err)
	}
	token := strings.TrimSpace(string(text))
	if token == "" {
		return fmt.Errorf("%s holds no token", tokenFile)
	}
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	if address, ok := listener.Addr().(*net.TCPAddr); !ok || !address.IP.IsLoopback() {
		return fmt.Errorf("%s is not a loopback address", listener.Addr())
	}

	core, err := newCore()
	if err != nil {
		return fmt.Errorf("cannot build the core: %w", err)
	}
	if err := unseal(core, token); err != nil {
		return err
	}
	server := &http.Server{
		Handler: vaulthttp.Handler.Handler(&vault.HandlerProperties{
			Core:           core,
			ListenerConfig: &configutil.Listener{Address: listen, MaxRequestSize: vaulthttp.DefaultMaxRequestSize, MaxRequestDuration: 90 * time.Second},
		}),
		ReadHeaderTimeout: 10 * time.Second,
	}
	fmt.Printf("serving on http://%s\n", listener.Addr())
	return server.Serve(listener)
}

func newCore() (*vault.Core, error) {
	logger := log.New(&log.LoggerOptions{Name: "vault", Level: log.Info, Output: os.Stderr})
	storage, err := inmem.NewInmem(nil, logger.Named("storage"))
	if err != nil {
		return nil, err
	}
	return vault.NewCore(&vault.CoreConfig{
		BuiltinRegistry:     plugins{},
		Physical:            storage,
		EffectiveSDKVersion: "1.14.1",
		DisableMlock:        true,
		Logger:              logger,
		LogicalBackends: map[string]logical.Factory{
			"kv": kv.Factory,
		},
		CredentialBackends: map[string]logical.Factory{
			"approle":  approle.Factory,
			"userpass": userpass.Factory,
		},
	})
}

// plugins is an empty catalogue: every engine served here is given to the core by its factory.
type plugins struct{}

func (plugins) Contains(string, consts.PluginType) bool                           { return false }
func (plugins) Get(string, consts.PluginType) (func() (interface{}, error), bool) { return nil, false }
func (plugins) Keys(consts.PluginType) []string                                   { return nil }
func (plugins) DeprecationStatus(string, consts.PluginType) (consts.DeprecationStatus, bool) {
	return consts.Supported, true
}
func (plugins) IsBuiltinEntPlugin(string, consts.PluginType) bool { return false }

// unseal initialises the store with a single key, opens it, replaces the first root token with the given one and mounts
// the engines.
func unseal(core *vault.Core, token string) error {
	ctx := namespace.ContextWithNamespace(context.Background(), namespace.RootNamespace)
	keys, err := core.Initialize(ctx, &vault.InitParams{
		BarrierConfig: &vault.SealConfig{SecretShares: 1, SecretThreshold: 1},
	})
	if err != nil {
		return fmt.Errorf("cannot initialise: %w", err)
	}
	opened, err := core.Unseal(keys.SecretShares[0])
	if err != nil || !opened {
		return fmt.Errorf("cannot unseal: %v", err)
	}
	asked := []logical.Request{
		{ClientToken: keys.RootToken, Path: "auth/token/create", Data: map[string]interface{}{
			"id": token, "policies": []string{"root"}, "no_parent": true, "no_default_policy": true,
		}},
		{ClientToken: keys.RootToken, Path: "auth/token/revoke-self"},
		{ClientToken: token, Path: "sys/mounts/kv", Data: map[string]interface{}{
			"type": "kv", "options": map[string]interface{}{"version": "2"},
		}},
		{ClientToken: token, Path: "sys/auth/approle", Data: map[string]interface{}{"type": "approle"}},
		{ClientToken: token, Path: "sys/auth/userpass", Data: map[string]interface{}{"type": "userpass"}},
	}
	for at := range asked {
		request := &asked[at]
		request.ID = fmt.Sprintf("start-%d", at)
		request.Operation = logical.UpdateOperation
		reply, err := core.HandleRequest(ctx, request)
		if err == nil && reply != nil && reply.IsError() {
			err = reply.Error()
		}
		if err != nil {
			return fmt.Errorf("%s at start: %w", request.Path, err)
		}
	}
	return nil
}
