package admin

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/syncline/syncline/host"
)

// A hostCollector reads a host's counters when Prometheus asks.
type hostCollector struct{ metrics []metric }

type metric struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value *atomic.Int64
	unit  float64
}

func newHostCollector(h *host.Host) *hostCollector {
	s, c := h.Stats(), &hostCollector{}
	const gauge, counter = prometheus.GaugeValue, prometheus.CounterValue
	c.add(gauge, "sessions", "Sessions that are open.", &s.Sessions, 1)
	c.add(gauge, "spaces_loaded", "Spaces that are in memory.", &s.Spaces, 1)
	c.add(gauge, "sessions_lagging", "Spaces open in a session that is being caught up.", &s.Lagging, 1)
	c.add(gauge, "asking", "Mutations about which another system is being asked.", &s.Asking, 1)
	c.add(counter, "commits_total", "Commits made durable.", &s.Commits, 1)
	c.add(counter, "appends_total", "Writes of one or more commits to the store.", &s.Appends, 1)
	c.add(counter, "append_seconds_total", "Time spent in writes to the store.", &s.AppendNS, 1e-9)
	c.add(counter, "append_failures_total", "Writes to the store that failed.", &s.Failures, 1)
	c.add(counter, "messages_received_total", "Messages from clients.", &s.Received, 1)
	c.add(counter, "messages_refused_total", "Messages that were answered with an error.", &s.Refused, 1)
	c.add(counter, "frames_delivered_total", "Frames queued for sessions.", &s.Delivered, 1)
	c.add(counter, "overflows_total", "Times that a session fell behind and was switched to catching up.", &s.Overflows, 1)
	return c
}

func (c *hostCollector) add(kind prometheus.ValueType, name, help string, value *atomic.Int64, unit float64) {
	c.metrics = append(c.metrics, metric{prometheus.NewDesc("syncline_"+name, help, nil, nil), kind, value, unit})
}

// Describe implements prometheus.Collector.
func (c *hostCollector) Describe(descs chan<- *prometheus.Desc) {
	for _, m := range c.metrics {
		descs <- m.desc
	}
}

// Collect implements prometheus.Collector.
func (c *hostCollector) Collect(metrics chan<- prometheus.Metric) {
	for _, m := range c.metrics {
		metrics <- prometheus.MustNewConstMetric(m.desc, m.kind, float64(m.value.Load())*m.unit)
	}
}
