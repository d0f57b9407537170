// Command vault serves HashiCorp Vault 1.14.1 (MPL-2.0) on a loopback address for tests: memory storage, unsealed,
// one root token read from a file, the versioned key-value engine mounted at kv/, the database engine with its plugin
// for PostgreSQL at database/, AppRole and userpass logins. A test that seals it finds the key in a file.
package main

import (
	"context"
	"encoding/hex"
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
	"github.com/hashicorp/vault/builtin/logical/database"
	"github.com/hashicorp/vault/helper/namespace"
	vaulthttp "github.com/hashicorp/vault/http"
	"github.com/hashicorp/vault/internalshared/configutil"
	"github.com/hashicorp/vault/plugins/database/postgresql"
	"github.com/hashicorp/vault/sdk/helper/consts"
	"github.com/hashicorp/vault/sdk/logical"
	"github.com/hashicorp/vault/sdk/physical/inmem"
	"github.com/hashicorp/vault/vault"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "loopback address to serve on")
	tokenFile := flag.String("token-file", "", "file holding the root token")
	keyFile := flag.String("key-file", "", "file that the unseal key is written to, if any")
	flag.Parse()
	if err := serve(*listen, *tokenFile, *keyFile); err != nil {
		fmt.Fprintln(os.Stderr, "vault:", err)
		os.Exit(1)
	}
}

func serve(listen, tokenFile, keyFile string) error {
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
	key, err := unseal(core, token)
	if err != nil {
		return err
	}
	if keyFile != "" {
		if err := os.WriteFile(keyFile, []byte(hex.EncodeToString(key)), 0o600); err != nil {
			return fmt.Errorf("cannot write the unseal key: %w", err)
		}
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
			"database": database.Factory,
			"kv":       kv.Factory,
		},
		CredentialBackends: map[string]logical.Factory{
			"approle":  approle.Factory,
			"userpass": userpass.Factory,
		},
	})
}

// The plugin of the database engine that speaks to PostgreSQL; it runs inside this process.
const postgres = "postgresql-database-plugin"

// plugins is a catalogue of that plugin alone: every engine served here is given to the core by its factory.
type plugins struct{}

func (plugins) Contains(name string, kind consts.PluginType) bool {
	return name == postgres && kind == consts.PluginTypeDatabase
}
func (p plugins) Get(name string, kind consts.PluginType) (func() (interface{}, error), bool) {
	return postgresql.New, p.Contains(name, kind)
}
func (plugins) Keys(kind consts.PluginType) []string {
	if kind == consts.PluginTypeDatabase {
		return []string{postgres}
	}
	return nil
}
func (plugins) DeprecationStatus(string, consts.PluginType) (consts.DeprecationStatus, bool) {
	return consts.Supported, true
}
func (plugins) IsBuiltinEntPlugin(string, consts.PluginType) bool { return false }

// unseal initialises the store with a single key, opens it, replaces the first root token with the given one and mounts
// the engines. It returns the key.
func unseal(core *vault.Core, token string) ([]byte, error) {
	ctx := namespace.ContextWithNamespace(context.Background(), namespace.RootNamespace)
	keys, err := core.Initialize(ctx, &vault.InitParams{
		BarrierConfig: &vault.SealConfig{SecretShares: 1, SecretThreshold: 1},
	})
	if err != nil {
		return nil, fmt.Errorf("cannot initialise: %w", err)
	}
	opened, err := core.Unseal(keys.SecretShares[0])
	if err != nil || !opened {
		return nil, fmt.Errorf("cannot unseal: %v", err)
	}
	asked := []logical.Request{
		{ClientToken: keys.RootToken, Path: "auth/token/create", Data: map[string]interface{}{
			"id": token, "policies": []string{"root"}, "no_parent": true, "no_default_policy": true,
		}},
		{ClientToken: keys.RootToken, Path: "auth/token/revoke-self"},
		{ClientToken: token, Path: "sys/mounts/kv", Data: map[string]interface{}{
			"type": "kv", "options": map[string]interface{}{"version": "2"},
		}},
		{ClientToken: token, Path: "sys/mounts/database", Data: map[string]interface{}{"type": "database"}},
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
			return nil, fmt.Errorf("%s at start: %w", request.Path, err)
		}
	}
	return keys.SecretShares[0], nil
}
