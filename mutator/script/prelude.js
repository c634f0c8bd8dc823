// Makes a realm fit for mutators: takes away what is not deterministic or makes code
// of text, freezes what is left, and yields the function through which the
// host runs mutators. It is run once in each realm; see realm.go.
(function (host, factory) {
	"use strict";
	const { parse, stringify } = JSON;
	const { getPrototypeOf, getOwnPropertyDescriptor, defineProperty, freeze, isFrozen } = Object;
	const { ownKeys, apply } = Reflect;
	const hasOwn = Object.prototype.hasOwnProperty;
	const then = Promise.prototype.then;
	const isPromise = Promise.prototype;
	const toText = String;
	const global = globalThis;

	// The run under way.
	let now = 0;
	let state, answer, run = 0;

	// What a mutator says on purpose.
	class Refusal {
		constructor(message, about) {
			this.code = toText((about && about.code) || "");
			this.path = toText((about && about.path) || "");
			this.message = toText(message);
		}
		toString() {
			return this.message;
		}
	}

	// Time stands still; without arguments a date is the mutation's.
	const NativeDate = Date;
	function FixedDate(...args) {
		if (new.target === undefined) return new NativeDate(now).toUTCString();
		if (args.length === 0) args = [now];
		return Reflect_construct(NativeDate, args, new.target);
	}
	const Reflect_construct = Reflect.construct;
	FixedDate.prototype = NativeDate.prototype;
	FixedDate.UTC = NativeDate.UTC;
	FixedDate.parse = NativeDate.parse;
	FixedDate.now = () => now;
	defineProperty(FixedDate, "name", { value: "Date" });
	defineProperty(NativeDate.prototype, "constructor", { value: FixedDate, writable: true, configurable: true });
	defineProperty(global, "Date", { value: FixedDate, writable: true, configurable: true });
	defineProperty(Math, "random", { value: () => host("random"), writable: true, configurable: true });

	// What makes code of text, tells of the garbage collector or shares memory; proxies,
	// because native loops ask them without ever looking at the clock.
	const never = function () {
		throw new TypeError("code cannot be made of text here");
	};
	for (const f of [function () {}, function* () {}, async function () {}, async function* () {}]) {
		defineProperty(getPrototypeOf(f), "constructor", { value: never, writable: true, configurable: true });
	}

	// Array methods on what is no array of bearable length loop natively, out of reach of the clock.
	const maxLength = 1 << 20;
	const isArray = Array.isArray;
	for (const key of ownKeys(Array.prototype)) {
		const method = Array.prototype[key];
		if (typeof method !== "function" || key === "constructor" || key === "push" || key === "pop") continue;
		const { [key]: guarded } = {
			[key](...args) {
				// eslint-disable-next-line
				if (this === null || typeof this !== "object" || !(isArray(this) || this.length <= maxLength) || (isArray(this) && this.length > maxLength)) throw new RangeError("an array of more than 2^20 elements");
				return apply(method, this, args);
			},
		};
		if (key !== Symbol.iterator && key !== "values" && key !== "keys" && key !== "entries") defineProperty(Array.prototype, key, { value: guarded, writable: true, configurable: true });
	}
	// Searches cost the product of both lengths.
	const maxProduct = 1 << 28;
	for (const key of ["indexOf", "lastIndexOf", "includes", "split", "replace", "replaceAll"]) {
		const method = String.prototype[key];
		const { [key]: guarded } = {
			[key](what, ...rest) {
				const text = toText(this);
				if (what === null || typeof what !== "object") {
					what = what === undefined ? what : toText(what);
					if (what !== undefined && text.length * what.length > maxProduct) throw new RangeError("a search for that much text in that much text");
				}
				return apply(method, text, [what, ...rest]);
			},
		};
		defineProperty(String.prototype, key, { value: guarded, writable: true, configurable: true });
	}

	// With these frozen, an assignment to a property of the same name on an object that
	// inherits from them would fail: the well-known override mistake.
	for (const proto of [Object.prototype, Function.prototype, Error.prototype, TypeError.prototype, RangeError.prototype, SyntaxError.prototype, ReferenceError.prototype, EvalError.prototype, URIError.prototype, Promise.prototype, Array.prototype, Date.prototype]) {
		for (const key of ["constructor", "toString", "valueOf", "toLocaleString", "name", "message", "then", "hasOwnProperty"]) {
			const d = getOwnPropertyDescriptor(proto, key);
			if (d === undefined || !("value" in d) || !d.configurable) continue;
			const { value } = d;
			defineProperty(proto, key, {
				get: () => value,
				set(v) {
					if (this === proto) throw new TypeError("what all mutators share cannot be changed");
					defineProperty(this, key, { value: v, writable: true, enumerable: true, configurable: true });
				},
				enumerable: false,
				configurable: true,
			});
		}
	}

	for (const name of ["eval", "Function", "Proxy", "WeakRef", "FinalizationRegistry", "SharedArrayBuffer", "Atomics", "print", "console", "performance", "scriptArgs", "navigator", "queueMicrotask", "gc"]) delete global[name];
	for (const key of ownKeys(global)) if (typeof key === "string" && key[0] === "_") delete global[key];

	if ("stackTraceLimit" in Error) Error.stackTraceLimit = 8;

	// Everything that can be reached is frozen.
	const seen = new Set();
	const reach = (v) => {
		if ((typeof v !== "object" && typeof v !== "function") || v === null || seen.has(v)) return;
		seen.add(v);
		if (!isFrozen(v)) freeze(v);
		reach(getPrototypeOf(v));
		for (const key of ownKeys(v)) {
			const d = getOwnPropertyDescriptor(v, key);
			reach(d.value);
			reach(d.get);
			reach(d.set);
		}
	};
	reach(Refusal);
	reach(global);
	for (const f of [function () {}, function* () {}, async function () {}, async function* () {}]) reach(getPrototypeOf(f));
	reach(getPrototypeOf((function* () {})()));
	reach(getPrototypeOf((async function* () {})()));
	for (const it of [[][Symbol.iterator](), new Map()[Symbol.iterator](), new Set()[Symbol.iterator](), ""[Symbol.iterator](), "".matchAll(/./g)]) reach(getPrototypeOf(it));
	for (const it of [() => [].values().map((x) => x), () => Iterator.from({ next() {} }), () => Iterator.concat([])]) {
		try {
			reach(getPrototypeOf(it()));
		} catch {
			// an engine without it
		}
	}

	const write = (what, collection, id, text) => {
		const refused = host(what, toText(collection), toText(id), text);
		if (refused === "") return;
		const { code, path, message } = parse(refused);
		throw new Refusal(message, { code, path });
	};
	const json = (v) => {
		const text = stringify(v);
		if (text === undefined) throw new TypeError("this is no JSON value");
		return text;
	};
	const read = (text) => (text === "" ? undefined : parse(text));
	// What a run hands to its mutator inherits from this: making thirteen functions anew costs more than most mutators.
	let claimed = "{}";
	const shared = freeze({
		get: (collection, id) => read(host("get", toText(collection), toText(id))),
		query: (q) => parse(host("find", json(q))),
		put: (collection, id, record) => write("put", collection, id, json(record)),
		patch: (collection, id, update) => write("patch", collection, id, json(update)),
		delete: (collection, id) => write("delete", collection, id, ""),
		random: () => host("random"),
		id: () => host("id"),
		reject: (message, about) => {
			throw new Refusal(message, about);
		},
		Refusal,
		get claims() {
			return parse(claimed);
		},
	});
	for (const key of ownKeys(shared)) reach(getOwnPropertyDescriptor(shared, key).value);
	reach(getOwnPropertyDescriptor(shared, "claims").get);

	const failed = (e) => {
		try {
			if (e instanceof Refusal) return "r" + stringify({ code: toText(e.code), path: toText(e.path), message: toText(e.message) });
			return "e" + toText(e) + (e && e.stack ? "\n" + toText(e.stack) : "");
		} catch {
			return "eit threw what cannot be printed";
		}
	};

	// load runs the source anew: nothing that it keeps outlives the run.
	const load = () => {
		const shadow = { __proto__: global, globalThis: undefined };
		shadow.globalThis = shadow;
		const loaded = apply(factory, shadow, [shadow]);
		if (!loaded || typeof loaded !== "object" || !loaded.mutators || typeof loaded.mutators !== "object") throw new TypeError("the script leaves no __syncline.mutators behind");
		return loaded.mutators;
	};

	return freeze({
		// names lists [pattern, name] of all mutators, as JSON.
		names() {
			now = 0;
			const all = load();
			const out = [];
			for (const kind of ownKeys(all)) for (const name of ownKeys(all[kind])) if (typeof all[kind][name] === "function") out.push([kind, name]);
			return stringify(out);
		},
		// begin runs a mutator and answers "ok", "r" and a refusal, "e" and an error, or "p": a promise.
		begin(kind, name, args, at, user, claims, path) {
			now = at;
			claimed = claims;
			const mine = ++run;
			try {
				const f = load()[kind][name];
				const got = f(freeze({ __proto__: shared, now, name, user, space: path }), parse(args));
				if (got !== null && typeof got === "object" && getPrototypeOf(got) === isPromise) {
					state = "p";
					apply(then, got, [
						() => mine === run && (state = "ok"),
						(e) => mine === run && (state = failed(e)),
					]);
					return "p";
				}
				return "ok";
			} catch (e) {
				return failed(e);
			}
		},
		// settled is what became of the promise.
		settled() {
			return state;
		},
	});
})
