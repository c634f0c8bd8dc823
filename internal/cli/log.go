package cli

import (
	"io"
	"log/slog"

	"github.com/spf13/pflag"
)

// logFlags are the flags about logs.
type logFlags struct{ format, level string }

func (l *logFlags) register(f *pflag.FlagSet) {
	f.StringVar(&l.format, "log-format", "text", "form of the log on stderr: text or json")
	f.StringVar(&l.level, "log-level", "info", "least level that is logged: debug, info, warn or error")
}

func (l *logFlags) logger(w io.Writer) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(l.level)); err != nil {
		return nil, usage("--log-level: there is no level %q; want debug, info, warn or error", l.level)
	}
	options := &slog.HandlerOptions{Level: level}
	switch l.format {
	case "text":
		return slog.New(slog.NewTextHandler(w, options)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, options)), nil
	}
	return nil, usage("--log-format: there is no form %q; want text or json", l.format)
}
