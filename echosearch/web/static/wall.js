// The wall of hits: cines play while they are in sight, arrows move between cards.

import { ask, onKey, refusal, say, stillness, words } from './app.js';

const cards = [...document.querySelectorAll('.card')];
const button = document.getElementById('pause-all');
const bar = document.getElementById('compare');
let paused = stillness.matches || sessionStorage.getItem('paused') === 'yes';
const seen = new Set();

const api = video => `/api/v1/videos/${video.dataset.cine}`;

function start(video) {
  if (!video.src) {
    video.poster = `${api(video)}/poster.jpg`;
    if (paused) return; // a still picture is all that is asked for
    video.src = `${api(video)}/preview.mp4`;
  }
  video.play().catch(() => {}); // it went out of sight meanwhile
}

function stop(video) {
  video.pause();
}

const sight = new IntersectionObserver(entries => {
  for (const entry of entries) {
    const video = entry.target;
    if (entry.isIntersecting) {
      seen.add(video);
      if (!video.poster) video.poster = `${api(video)}/poster.jpg`;
      if (!paused) start(video);
    } else {
      seen.delete(video);
      stop(video);
    }
  }
}, { threshold: 0.4 });

for (const video of document.querySelectorAll('video[data-cine]')) {
  video.addEventListener('error', () => noPreview(video), { once: true });
  sight.observe(video);
}

async function noPreview(video) {
  const told = document.createElement('span');
  told.className = 'none';
  const [answer, body] = await ask(`${api(video)}/samples`);
  told.textContent = answer.ok ? words.no_preview : `${words.no_preview}: ${refusal(body)}`;
  video.replaceWith(told);
}

function pauseAll(still) {
  paused = still;
  sessionStorage.setItem('paused', still ? 'yes' : 'no');
  button?.setAttribute('aria-pressed', String(still));
  for (const video of seen) still ? stop(video) : start(video);
}
button?.setAttribute('aria-pressed', String(paused));
button?.addEventListener('click', () => pauseAll(!paused));
stillness.addEventListener('change', () => pauseAll(stillness.matches));
onKey(['p'], () => {
  pauseAll(!paused);
  say(paused ? words.paused : words.playing);
});

// --- moving: one card is in the order of Tab ---

const link = card => card.querySelector('.open');
const here = () => cards.find(card => card.contains(document.activeElement));

function go(card) {
  for (const each of cards) link(each).tabIndex = each === card ? 0 : -1;
  link(card).focus();
  card.scrollIntoView({ block: 'nearest' });
}

for (const card of cards) card.addEventListener('focusin', () => {
  for (const each of cards) link(each).tabIndex = each === card ? 0 : -1;
});

function beside(step) {
  const card = here();
  if (!card) return false;
  const next = cards[cards.indexOf(card) + step];
  if (next) go(next);
}

function below(direction) {
  const card = here();
  if (!card) return false;
  const from = card.getBoundingClientRect();
  const row = cards.map(each => [each, each.getBoundingClientRect()])
    .filter(([, place]) => direction * (place.top - from.top) > 4)
    .sort(([, a], [, b]) => direction * (a.top - b.top) || Math.abs(a.left - from.left) - Math.abs(b.left - from.left));
  if (row.length) go(row[0][0]);
}

onKey(['ArrowRight'], () => beside(1));
onKey(['ArrowLeft'], () => beside(-1));
onKey(['ArrowDown'], () => (here() ? below(1) : document.activeElement === document.body && cards[0] ? go(cards[0]) : false));
onKey(['ArrowUp'], () => below(-1));
onKey([' '], event => {
  const card = here();
  const video = card?.querySelector('video');
  if (!video || event.target.closest('button, input')) return false;
  if (video.paused) {
    if (!video.src) video.src = `${api(video)}/preview.mp4`;
    video.play().catch(() => {});
  } else stop(video);
});
onKey(['s'], () => here()?.querySelector('button[name="study"]')?.click() ?? false);

// the first card, when a search has been answered: arrows act at once, and the page stays at its top
if (cards.length && !location.hash && document.activeElement === document.body) link(cards[0]).focus({ preventScroll: true });

// --- choosing for compare ---

const boxes = () => [...document.querySelectorAll('input[form="compare"]')];
const picked = () => boxes().filter(box => box.checked);

function showPicked() {
  for (const box of boxes()) {
    box.closest('.card').classList.toggle('picked', box.checked);
    box.disabled = !box.checked && picked().length >= 4;
  }
  bar.hidden = !picked().length;
  document.getElementById('picked').textContent = `${words.picked}${picked().length}`;
}

function pick() {
  const box = here()?.querySelector('input[form="compare"]');
  if (!box || box.disabled) return false;
  box.checked = !box.checked;
  showPicked();
  say(`${words.picked}${picked().length}`);
}

if (bar) {
  bar.addEventListener('reset', () => setTimeout(showPicked));
  for (const box of boxes()) box.addEventListener('change', showPicked);
  showPicked();
  onKey(['x'], pick);
  onKey(['c'], () => {
    if (picked().length >= 2) bar.requestSubmit();
    else if (pick() !== false || !picked().length) say(words.pick_more);
  });
}
