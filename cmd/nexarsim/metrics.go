package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"nexarsim/realnet"
)

// metricsTime bounds what one reader of the metrics may take.
const metricsTime = 10 * time.Second

// serveMetrics offers a member's counters to Prometheus until the context ends.
func serveMetrics(ctx context.Context, addr string, g *realnet.Group) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return usage("write --metrics 127.0.0.1:9100", "--metrics: %s", err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(metricsOf(g), promhttp.HandlerOpts{}))
	s := &http.Server{Handler: mux, ReadTimeout: metricsTime, WriteTimeout: metricsTime, MaxHeaderBytes: 16 << 10}
	context.AfterFunc(ctx, func() { _ = s.Close() })
	go func() {
		if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			_ = l.Close() // whoever reads the metrics notices; the member goes on
		}
	}()
	return nil
}

// metricsOf is a registry of its own, with the few numbers that an operator looks at and no labels.
func metricsOf(g *realnet.Group) *prometheus.Registry {
	r := prometheus.NewRegistry()
	gauge := func(name, help string, value func(s *realnet.Stats) int) {
		r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "nexarsim", Name: name, Help: help}, func() float64 {
			s := g.Stats()
			return float64(value(&s))
		}))
	}
	counter := func(name, help string, value func(s *realnet.Stats) uint64) {
		r.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Namespace: "nexarsim", Name: name, Help: help}, func() float64 {
			s := g.Stats()
			return float64(value(&s))
		}))
	}
	gauge("epoch", "Number of the view that is in place.", func(s *realnet.Stats) int { return int(s.Epoch) })
	gauge("world_size", "Members of the view that is in place.", func(s *realnet.Stats) int { return s.World })
	gauge("rank", "Rank of this member in the view that is in place, -1 for none.", func(s *realnet.Stats) int { return s.Rank })
	gauge("connections", "Connections to other members that stand.", func(s *realnet.Stats) int { return s.Links })
	counter("steps_total", "Inputs given to the protocol.", func(s *realnet.Stats) uint64 { return s.Steps })
	counter("messages_sent_total", "Messages handed to a connection.", func(s *realnet.Stats) uint64 { return s.Sent })
	counter("messages_dropped_total", "Messages that no connection took.", func(s *realnet.Stats) uint64 { return s.Dropped })
	counter("messages_received_total", "Messages that arrived.", func(s *realnet.Stats) uint64 { return s.Received })
	counter("installs_total", "Views that were installed.", func(s *realnet.Stats) uint64 { return s.Installs })
	counter("connections_refused_total", "Connections that did not prove that they belong here.", func(s *realnet.Stats) uint64 { return s.Refused })
	return r
}
