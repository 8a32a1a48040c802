// The banner, and what waits for it.
(() => {
const script = document.currentScript;
const base = new URL(".", script.src);
const channel = new BroadcastChannel("consentgate");
const running = [];
let root, dialog, choices, state, opener;

const find = (selector) => root?.querySelector(selector);
const allows = (id) => state.granted.includes(id);
const say = (role, text) => find(`[role=${role}]`)?.replaceChildren(text);

function use(element) {
	root = element;
	dialog = find("[role=dialog]");
	if (!dialog) return;
	choices = find("fieldset");
	find("[aria-label]").hidden = false;
	expand(false);
}

function load(then) {
	const query = { lang: (root || document.documentElement).lang, next: location.pathname + location.search, dialog: 1 };
	const request = new XMLHttpRequest(); // parses under Trusted Types
	request.open("GET", base + "banner?" + new URLSearchParams(query));
	request.responseType = "document";
	request.onloadend = () => {
		const fresh = request.response?.getElementById("consentgate");
		if (!fresh) return then();
		const first = !root && request.response.querySelector("link");
		fresh.style.display = "none"; // until styled
		if (first) document.body.append(first, fresh);
		else root.replaceWith(fresh);
		use(fresh);
		first ? (first.onload = first.onerror = then) : then();
	};
	request.send();
}

const read = () => root && apply(JSON.parse(root.dataset.json));

function apply(next) {
	const before = state || next;
	state = next;
	root.dataset.status = next.status;
	root.dataset.granted = next.granted.join(" ");
	if (before.status + before.granted !== next.status + next.granted) {
		const signals = JSON.parse(root.dataset.signals);
		for (const name in signals) signals[name] = signals[name].some(allows) ? "granted" : "denied";
		window.gtag?.("consent", "update", signals);
		const event = new CustomEvent("consentgate:change", { detail: state, bubbles: true, cancelable: true });
		// What runs ends only with the page.
		if (document.dispatchEvent(event) && !running.every(allows)) return location.reload();
	}
	start();
}

async function start() {
	for (const frame of document.querySelectorAll("iframe[data-consent][data-src]")) {
		const { consent, src } = frame.dataset;
		if (allows(consent)) {
			running.push(consent);
			if (frame.hidden) frame.previousElementSibling.remove();
			frame.hidden = false;
			frame.src = src;
			delete frame.dataset.src;
		} else if (!frame.hidden) {
			const box = find(`[data-for="${consent}"]`)?.content.firstChild.cloneNode(true);
			if (!box) continue;
			box.querySelector("b").append(new URL(src, document.baseURI).host);
			box.style = `display:inline-block;overflow:auto;width:${frame.offsetWidth}px;height:${frame.offsetHeight}px`;
			frame.before(box);
			frame.hidden = true;
		}
	}
	for (const waiting of document.querySelectorAll("[data-consent][type='text/plain']")) {
		const { consent, type = "" } = waiting.dataset;
		if (!allows(consent) || waiting.type !== "text/plain") continue; // started meanwhile
		if (script.nonce && script.nonce !== waiting.nonce) continue; // injected markup lacks it
		running.push(consent);
		waiting.type = type;
		await new Promise((done) => {
			waiting.addEventListener("load", done);
			waiting.addEventListener("error", done);
			waiting.replaceWith(waiting); // runs it
			if (!waiting.src || waiting.hasAttribute("async")) done();
		});
	}
}

async function choose(choice, categories = [], layer = 2 - choices.hidden) {
	let next;
	try {
		const answer = await fetch(base, {
			method: "POST",
			headers: { "Content-Type": "application/json" },
			body: JSON.stringify({ choice, categories, layer, lang: root.lang }),
		});
		next = answer.ok && (await answer.json());
	} catch {
		// A form may still get through.
		if (!dialog) return (location = base);
		fill(categories);
		return choices.form.requestSubmit(find(`[value=${choice}]`));
	}
	show(!next);
	say("alert", next ? "" : root.dataset.failed);
	if (!next) return;
	channel.postMessage("");
	say("status", root.dataset.saved);
	setTimeout(say, 9000, "status", "");
	apply(next);
}

function fill(categories) {
	choices.disabled = false;
	for (const box of choices.elements) box.checked = categories.includes(box.value);
}

function expand(on) {
	choices.hidden = choices.disabled = !on;
	find("[aria-controls]").setAttribute("aria-expanded", on);
	if (on) choices.elements[0].focus();
}

function show(on) {
	if (!dialog) return;
	const focused = dialog.contains(document.activeElement);
	dialog.hidden = !on;
	root.dataset.state = on ? "shown" : "hidden";
	if (on || !focused) return;
	find("a[data-cg-action]")?.focus();
	opener?.focus();
}

function open() {
	if (!dialog) return (location = base);
	if (state) fill(state.granted);
	show(true);
	expand(true);
}

const actions = {
	accept: () => choose("accept_all"),
	reject: () => choose("reject_all"),
	save: () => choose("save", new FormData(choices.form).getAll("category")),
	allow: ({ dataset }) => choose("save", [...state.granted, dataset.cgCategory], 0),
	customise: (control) => {
		if (dialog?.contains(control)) return expand(choices.hidden);
		opener = control;
		dialog ? open() : load(open);
	},
	close: () => show(),
};

addEventListener("click", (event) => {
	const control = event.target.closest("[data-cg-action]");
	const action = actions[control?.dataset.cgAction];
	if (!action || event.ctrlKey || event.metaKey) return;
	event.preventDefault();
	action(control);
});
addEventListener("keydown", ({ key, target }) => key === "Escape" && dialog?.contains(target) && show());
addEventListener("pageshow", ({ persisted }) => persisted && load(read));
channel.onmessage = () => load(read);

use(document.getElementById("consentgate"));
// A cached page may be older.
const { cookie, time } = root?.dataset || {};
const now = document.cookie.match(`${cookie}=[^;]*&time=(\\d+)`)?.[1] || "";
now === time ? read() : load(read);
})();
