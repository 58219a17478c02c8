package main

import (
	"context"
	"io"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"nexarsim/core"
	"nexarsim/realnet"
)

// TestMetrics: a member of a group of one tells its view.
func TestMetrics(t *testing.T) {
	ca, err := realnet.NewAuthority(time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	creds, err := ca.Credentials("a", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	g, err := realnet.Join(context.Background(), realnet.Config{
		Self: "a", Members: []realnet.Member{{ID: "a", Address: "127.0.0.1:0"}}, Core: core.DefaultConfig(), Credentials: creds,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	s := httptest.NewServer(promhttp.HandlerFor(metricsOf(g), promhttp.HandlerOpts{}))
	defer s.Close()
	res, err := s.Client().Get(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"nexarsim_epoch 0\n", "nexarsim_world_size 1\n", "nexarsim_rank 0\n", "nexarsim_connections 0\n", "nexarsim_installs_total 0\n"} {
		if !strings.Contains(string(text), line) {
			t.Errorf("the metrics do not say %q:\n%s", line, text)
		}
	}
}
