// The status page: asked again every two seconds while the page is in sight.

import { say, signInAgain, words } from './app.js';

const EVERY_MS = 2000;
const place = document.getElementById('status').dataset.src;
const ingest = document.getElementById('ingest');
const progress = document.getElementById('progress');
let tag = '';
let running = ingest.classList.contains('busy');

async function ask() {
  const answer = await fetch(place, { headers: tag ? { 'if-none-match': tag } : {} });
  if (answer.status === 401) return signInAgain();
  if (answer.status !== 200) return;
  tag = answer.headers.get('etag') ?? '';
  const now = await answer.json();
  for (const each of document.querySelectorAll('[data-show]')) each.textContent = now[each.dataset.show]?.toLocaleString('en') ?? '-';
  progress.max = Math.max(now.found, 1);
  progress.value = now.found - now.pending;
  ingest.className = now.ingest ? 'busy' : 'dim';
  ingest.textContent = now.ingest ? words.ingest_running : words.ingest_idle;
  if (now.ingest !== running) say(ingest.textContent);
  running = now.ingest;
}

setInterval(() => document.hidden || ask().catch(() => {}), EVERY_MS);
