// The left ventricle's contour over a cine: off until it is asked for; on for the cines that follow.

import { ask, refusal, words } from './app.js';

const button = document.getElementById('contour');
const told = document.getElementById('contour-told');
const COLOUR = '#ffd640';
let on = false;
let shown = null; // the cine, and its video's key

const phases = (found, frame) => found.beats.some(beat => beat.ed === frame) ? 'ED' : found.beats.some(beat => beat.es === frame) ? 'ES' : '';

/** Draw one frame's outline on the cine's canvas, thicker and named at end-diastole and end-systole. */
function over(cine, found, frame) {
  const outline = found.outlines?.[frame];
  if (!outline) return;
  const { context, canvas } = cine, name = phases(found, frame);
  context.beginPath();
  for (const [x, y] of outline) context.lineTo(x * canvas.width, y * canvas.height);
  context.closePath();
  context.strokeStyle = COLOUR;
  context.lineWidth = name ? 4 : 2;
  context.stroke();
  if (name) {
    context.fillStyle = COLOUR;
    context.font = '18px sans-serif';
    context.fillText(name, 8, 24);
  }
}

function sentence(found) {
  const { figure } = found;
  const volumes = figure?.edv_ml == null ? '' : ` (${figure.edv_ml.toFixed(0)} / ${figure.esv_ml.toFixed(0)} ml)`;
  const said = figure ? `EF ${figure.ef.toFixed(0)} %${volumes}` : words[`contour_${found.no_figure}`];
  const from = found.source === 'seg' ? words.contour_seg : found.head.phantom_only ? words.contour_phantom : '';
  return from ? `${said} · ${from}` : said;
}

async function fetched(key) {
  const [answer, body] = await ask(`/api/v1/videos/${key}/contour`);
  if (!answer.ok) throw new Error(`${words.contour_failed}: ${refusal(body)}`);
  return body;
}

async function follow() {
  const [cine, key] = shown;
  cine.over = null;
  told.textContent = '';
  if (on) {
    told.textContent = words.contour_waits;
    try {
      const found = await fetched(key);
      if (!on || shown[0] !== cine) return;
      cine.over = frame => over(cine, found, frame);
      told.textContent = sentence(found);
    } catch (problem) {
      if (shown[0] === cine) told.textContent = problem.message;
    }
  }
  cine.again();
}

/** Draw over this cine from now on, if that is asked for. */
export function drawContour(cine, key) {
  shown = [cine, key];
  if (button) follow();
}

button?.addEventListener('click', () => {
  on = !on;
  button.setAttribute('aria-pressed', String(on));
  if (shown) follow();
});
