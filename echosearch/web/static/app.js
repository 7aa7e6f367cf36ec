// Every page: keys, help, the live region, examples, dropped files, and the end of a session that nobody uses.

const page = document.documentElement;
const live = document.getElementById('live');
const IDLE_MS = 15 * 60_000; // as the server ends a session

export const words = JSON.parse(live.dataset.words);
export const stillness = matchMedia('(prefers-reduced-motion: reduce)');
export const lettersAct = page.dataset.letters === 'on';

/** Say something to who listens to the page. */
export function say(text) {
  live.textContent = text;
}

/** Go to the sign-in page, which leads back to this one: the session has ended. */
export function signInAgain() {
  location.assign(`/sign-in?${new URLSearchParams({ back: out.elements.back.value })}`);
}

/** Ask this server for JSON; returns the answer and its body. Where the session has ended, the page is left. */
export async function ask(place, given) {
  const answer = await fetch(place, given);
  if (answer.status === 401) {
    signInAgain();
    await new Promise(() => {}); // nothing more is done here
  }
  return [answer, await answer.json()];
}

/** What a refusal of the API says, in the language of the page. */
export function refusal(body) {
  const code = body.type?.split('/').pop();
  return (code === 'no-preview' ? words.refusals[body.detail] : words.problems[code]) ?? body.title ?? '';
}

/** Whether an event is text being typed, or composed by an input method. */
export function isTyping(event) {
  const at = event.target;
  return event.isComposing || event.keyCode === 229 ||
    (at instanceof HTMLElement && (at.isContentEditable || /^(INPUT|SELECT|TEXTAREA)$/.test(at.tagName) && !/^(checkbox|range)$/.test(at.type)));
}

const acts = new Map();

/** Let a key act on this page; ``act`` returns false where it did nothing. Letters act only if the settings allow. */
export function onKey(keys, act) {
  for (const key of keys) acts.set(key, act);
}

document.addEventListener('keydown', event => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTyping(event)) return;
  if (document.querySelector('dialog[open]')) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const isLetter = key.length === 1 && key !== ' ';
  if (isLetter && !lettersAct) return;
  const named = document.querySelector(`[data-key="${CSS.escape(key)}"]`);
  if (acts.has(key)) {
    if (acts.get(key)(event) !== false) event.preventDefault();
  } else if (isLetter && named instanceof HTMLElement) {
    event.preventDefault();
    named.click();
  }
});

const box = document.getElementById('box');
onKey(['/'], () => box instanceof HTMLInputElement ? (box.focus(), box.select()) : location.assign('/'));

// an input method's Enter takes a word, and asks nothing
document.addEventListener('keydown', event => {
  if (event.key === 'Enter' && (event.isComposing || event.keyCode === 229) && event.target instanceof HTMLInputElement) event.preventDefault();
}, true);

const help = document.getElementById('help');
const showHelp = () => help.open ? help.close() : help.showModal();
document.getElementById('help-button').addEventListener('click', showHelp);
onKey(['?'], showHelp);

// one menu is open at a time, and Escape closes it
document.addEventListener('click', event => {
  for (const menu of document.querySelectorAll('details.menu[open]')) if (!menu.contains(event.target)) menu.open = false;
});
document.addEventListener('keydown', event => {
  if (event.key !== 'Escape') return;
  const menu = document.querySelector('details.menu[open]');
  if (menu) {
    menu.open = false;
    menu.querySelector('summary').focus();
  }
});

for (const example of document.querySelectorAll('[data-example]')) {
  example.addEventListener('click', () => {
    box.value = example.dataset.example;
    box.form.requestSubmit();
  });
}

// a form is sent once
document.addEventListener('submit', event => {
  if (event.target.dataset.sent) event.preventDefault();
  else if (event.target.method === 'post' && event.target.target !== '_blank') {
    event.target.dataset.sent = 'yes';
    setTimeout(() => delete event.target.dataset.sent, 5000);
  }
});
addEventListener('pageshow', () => {
  for (const form of document.querySelectorAll('form[data-sent]')) delete form.dataset.sent;
});

// --- a file dropped anywhere is searched by ---

const csrf = document.querySelector('#sign-out input[name="csrf"]')?.value;

const told = document.createElement('div');
told.setAttribute('role', 'status');

/** Show a line at the top of the page, in place of the one before. */
function tell(text, kind) {
  told.className = kind;
  told.textContent = text;
  document.getElementById('main').prepend(told);
}

async function searchByFile(file) {
  tell(words.uploading, 'note');
  document.body.ariaBusy = 'true';
  try {
    const [answer, body] = await ask('/api/v1/searches/file', { method: 'POST', body: file, headers: { 'x-csrf-token': csrf, 'content-type': 'application/octet-stream' } });
    if (answer.ok) location.assign(`/searches/${body.id}`);
    else tell(`${words.refused}: ${body.detail || refusal(body)}`, 'problem');
  } catch {
    tell(words.unsent, 'problem');
  }
  document.body.ariaBusy = 'false';
}

if (csrf && box) {
  addEventListener('dragover', event => {
    if (!event.dataTransfer.types.includes('Files')) return;
    event.preventDefault();
    document.body.classList.add('dropping');
  });
  addEventListener('dragleave', event => event.relatedTarget ?? document.body.classList.remove('dropping'));
  addEventListener('drop', event => {
    document.body.classList.remove('dropping');
    if (!event.dataTransfer.files.length) return;
    event.preventDefault();
    searchByFile(event.dataTransfer.files[0]);
  });
}

// --- nobody is there: the page goes blank and the session ends ---

const out = document.getElementById('sign-out');
if (out) {
  let idle;
  const awake = () => {
    clearTimeout(idle);
    idle = setTimeout(() => {
      document.getElementById('main').hidden = true;
      out.elements.back.disabled = false; // whoever signs in again comes back to this page
      out.requestSubmit();
    }, IDLE_MS);
  };
  for (const kind of ['keydown', 'pointerdown', 'wheel', 'scroll']) addEventListener(kind, awake, { passive: true, capture: true });
  awake();
}
