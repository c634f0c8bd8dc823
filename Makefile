# The targets a contributor needs; CONTRIBUTING.md says more.
#
#   make demo    start the demo and print its address
#   make test    install what the tests need and run all of them
#   make lint    formatting, vet, staticcheck, types, built files, public types, size
#   make bench   measure against floors on this machine (docs/BENCHMARKS.md)

SHELL := /bin/bash
export CGO_ENABLED ?= 0
GOTEST ?= CGO_ENABLED=1 go test -race

.PHONY: demo test lint bench build go-test web-test e2e tools clean

build:
	go build -trimpath -o bin/syncline ./cmd/syncline

demo: build web/node_modules/.package-lock.json
	./bin/syncline demo $(DEMO)

test: deps lint go-test web-test e2e
	@echo "all tests have passed"

.PHONY: deps
deps: web/node_modules/.package-lock.json
	@scripts/deps

go-test:
	$(GOTEST) -timeout 30m ./...
	go test ./mutator/script

web-test: build web/client/dist/index.js
	scripts/with-server npm --prefix web/client test
	npm --prefix web/demo test

e2e: build
	SYNCLINE_BIN=$(CURDIR)/bin/syncline CHROMIUM=$$(scripts/deps --chromium) npm --prefix web run e2e

lint: tools web/node_modules/.package-lock.json
	@unformatted=$$(bin/gofumpt -l $$(git ls-files '*.go')); \
	if [ -n "$$unformatted" ]; then echo "not formatted (run: bin/gofumpt -w <file>):"; echo "$$unformatted"; exit 1; fi
	go vet ./...
	bin/staticcheck ./...
	npm --prefix web run typecheck
	npm --prefix web run check:dist
	npm --prefix web run check:api
	npm --prefix web run size

bench: build web/client/dist/index.js
	go run ./bench $(BENCH)

tools: bin/staticcheck bin/gofumpt
bin/staticcheck: internal/tools/go.mod
	go -C internal/tools build -o ../../bin/staticcheck honnef.co/go/tools/cmd/staticcheck
bin/gofumpt: internal/tools/go.mod
	go -C internal/tools build -o ../../bin/gofumpt mvdan.cc/gofumpt

web/node_modules/.package-lock.json: web/package-lock.json
	npm --prefix web ci --no-audit --no-fund
	@touch $@

web/client/dist/index.js: web/node_modules/.package-lock.json $(wildcard web/client/src/*.ts web/client/src/*/*.ts)
	npm --prefix web/client run build

clean:
	rm -rf bin web/client/dist
