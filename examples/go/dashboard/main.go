// The guide's dashboard as a net/http service.
//
//	cd examples/go && CONFIG_SERVICE_URL=http://127.0.0.1:8082 ENVIRONMENT=development go run ./dashboard
//	curl http://127.0.0.1:8000/api/users/user123/dashboard
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	jackstaff "github.com/jackstaff/jackstaff/bindings-go"
)

// dashboard says which template a user sees, and in which colours.
func dashboard(flags *jackstaff.Client) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		// One batch, not two checks in a row: with the flags in memory it makes no difference, without them it is one trip.
		on := flags.BatchEvaluate(r.Context(), []string{"new_ui", "dark_mode"}, jackstaff.User(r.PathValue("user_id")), false)
		answer := map[string]any{"template": "old_dashboard", "dark_mode": on["dark_mode"]}
		if on["new_ui"] {
			answer["template"] = "new_dashboard"
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(answer) // it fails when the caller has gone
	}
}

func routes(flags *jackstaff.Client) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/users/{user_id}/dashboard", dashboard(flags))
	return mux
}

func run(ctx context.Context, listen string) error {
	flags, err := jackstaff.FromEnv()
	if err != nil {
		return err
	}
	defer flags.Close()
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	fmt.Printf("http://%s\n", listener.Addr())
	server := &http.Server{Handler: routes(flags), ReadHeaderTimeout: 10 * time.Second}
	go func() {
		<-ctx.Done()
		end, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = server.Shutdown(end)
	}()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	listen := os.Getenv("LISTEN")
	if listen == "" {
		listen = "127.0.0.1:8000"
	}
	if err := run(ctx, listen); err != nil {
		slog.Error("the dashboard ended", "error", err)
		os.Exit(1)
	}
}
