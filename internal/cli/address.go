package cli

import (
	"context"
	"net"
	"time"
)

// anyoneFlag is long because of what it does.
const anyoneFlag = "allow-anyone-on-the-network-to-read-and-write-everything"

// checkListen refuses to listen where others than this machine's users could
// connect, unless there are rules and tokens.
func checkListen(ctx context.Context, address string, anyone bool) error {
	loopback, err := onLoopback(ctx, address)
	if err != nil {
		return usage("--listen %s: %w", address, err)
	}
	if loopback || anyone {
		return nil
	}
	return usage(`--listen %s: refused, because that is not a loopback address.
Without --definition and --tokens whoever can connect may read and write everything, under any user name.
Do one of these:
  - say who may do what, and whose tokens are believed: --definition FILE --tokens FILE (docs/RULES.md);
  - listen on this machine only: --listen 127.0.0.1:4600, and let a proxy that
    authenticates come in from there (with --allow-origin for the app's pages);
  - if everybody on the network may see and change all of the data: --%s`, address, anyoneFlag)
}

// checkAdmin refuses an admin address that is not loopback, whatever else is
// allowed: profiles hold what is in memory.
func checkAdmin(ctx context.Context, address string) error {
	if address == "" {
		return nil
	}
	loopback, err := onLoopback(ctx, address)
	if err != nil {
		return usage("--admin %s: %w", address, err)
	}
	if !loopback {
		return usage(`--admin %s: refused, because that is not a loopback address.
The admin address serves profiles, which show what is in memory, and asks nobody who they are.
Take --admin 127.0.0.1:4601 and collect metrics from there, or switch it off with --admin ""`, address)
	}
	return nil
}

// onLoopback reports whether nobody but this machine can connect to an address.
func onLoopback(ctx context.Context, address string) (bool, error) {
	name, _, err := net.SplitHostPort(address)
	if err != nil {
		return false, err
	}
	if name == "" {
		return false, nil // all interfaces
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	addresses, err := net.DefaultResolver.LookupNetIP(ctx, "ip", name)
	if err != nil {
		return false, err
	}
	for _, a := range addresses {
		if !a.Unmap().IsLoopback() {
			return false, nil
		}
	}
	return len(addresses) > 0, nil
}
