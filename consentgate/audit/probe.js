// Tells who writes cookies by script. Runs before any script of the page, in every frame.
(() => {
	const report = window.__consentgateProbe;
	delete window.__consentgateProbe;
	if (!report) return;
	const LIMIT = 200;
	let reports = 0;

	const caller = () => {
		try {
			const [line] = String(new Error().stack).match(/https?:\/\/[^\s)]+/) || [location.href];
			return line.replace(/(:\d+){1,2}$/, "");
		} catch {
			return location.href; // a page may have a say in what a stack is
		}
	};
	// The name and the attributes, and whether the browser took it; never the value.
	const tell = (name, attributes, kept, script) => {
		if (++reports > LIMIT) return;
		try {
			report({ name: name.slice(0, 4096), attributes: attributes.slice(0, 2048), kept, script }).catch(() => {});
		} catch {}
	};

	const cookie = Object.getOwnPropertyDescriptor(Document.prototype, "cookie");
	const told = (page, line) => {
		const [pair, ...attributes] = String(line).split(";");
		const [first, ...rest] = pair.split("=");
		const name = rest.length ? first.trim() : "";
		const kept = cookie.get.call(page).split("; ").some((each) => each.startsWith(`${name}=`));
		tell(name, attributes.join(";"), kept, caller());
	};
	Object.defineProperty(Document.prototype, "cookie", {
		...cookie,
		set(line) {
			cookie.set.call(this, line);
			try {
				told(this, line);
			} catch {}
		},
	});

	const store = window.CookieStore?.prototype;
	const set = store?.set;
	if (!set) return;
	store.set = function (name, ...rest) {
		const script = caller();
		const done = set.call(this, name, ...rest);
		try {
			const options = typeof name === "object" && name ? name : { name };
			const life = options.expires == null ? "" : `Max-Age=${Math.round((Number(options.expires) - Date.now()) / 1000)}`;
			done.then(() => tell(String(options.name), life, true, script), () => {});
		} catch {}
		return done;
	};
})();
