// The map: points on a canvas, coloured by what the archive says of them; a line drawn around points, or a rectangle
// by keys, chooses them; a click, or Enter twice at a place, chooses the one that is there.

import { ask, refusal, say, words } from './app.js';

const canvas = document.getElementById('map');
const by = document.getElementById('colour-by');
const legend = document.getElementById('legend');
const form = document.getElementById('lasso');
const open = document.getElementById('open-study');
const status = document.getElementById('chosen');
const grades = JSON.parse(legend.dataset.grades);
const isDark = document.documentElement.dataset.theme === 'dark';
const GRADES = isDark ? ['#5b6b7a', '#6fa8c9', '#8fce9b', '#f0c05a', '#ff6f61', '#d79bff'] : ['#9aa8b5', '#2f7ea6', '#2f8a46', '#b07d00', '#c62f22', '#7b3fb0'];
const NAMES = isDark ? ['#6fb1ff', '#ffb25e', '#7fd1a0', '#e58fd0', '#d9d36a', '#9d9bff', '#66d4d4', '#ff8f87'] : ['#0b5cc4', '#b35a00', '#17683a', '#9c2f86', '#6f6a00', '#4a45c9', '#0c7373', '#a4221b'];
const UNKNOWN = isDark ? '#3a424b' : '#cfd5db';
const MOST = 200; // a search shows no more
const STILL = 4, BESIDE = 14; // CSS pixels: a click moves less; a point is beside a place within so many
const STEP = 12, FINE = 2; // CSS pixels of an arrow key, and with Shift

/** The points; asked again while the server makes the map. What else is refused is said: then there is no map. */
async function points() {
  for (;;) {
    const [answer, body] = await ask(canvas.dataset.src);
    if (answer.ok) return body;
    const wait = Number(answer.headers.get('retry-after'));
    status.textContent = wait && body.type === '/problems/busy' ? words.map_waits : refusal(body);
    await new Promise(done => wait && setTimeout(done, 1000 * wait));
  }
}

const data = await points();
status.textContent = '';
document.getElementById('shares').textContent = document.getElementById('shares').dataset.words.replace('{}', String(data.studies.length)).replace('{}', data.shares.map(share => `${Math.round(share * 100)}%`).join(' + '));
const low = [Math.min(...data.x), Math.min(...data.y)];
const high = [Math.max(...data.x), Math.max(...data.y)];
let line = [];
let chosen = new Set();
let cross = null, corner = null; // of a rectangle by keys

/** The colour of each point, and what the colours mean. */
function colours() {
  const values = data[by.value], kind = by.selectedOptions[0].dataset.kind;
  if (kind === 'grade') return [values.map(grade => grade === null ? UNKNOWN : GRADES[grade]), [...grades.map((name, grade) => [name, GRADES[grade], values.filter(one => one === grade).length]), [legend.dataset.none, UNKNOWN, values.filter(one => one === null).length]]];
  const known = [...new Set(values.filter(one => one !== null))];
  if (kind === 'year') {
    known.sort();
    const shade = year => `hsl(${220 - 200 * (known.length < 2 ? 0 : (year - known[0]) / (known.at(-1) - known[0]))} 70% ${isDark ? 65 : 40}%)`;
    return [values.map(year => year === null ? UNKNOWN : shade(year)), known.map(year => [String(year), shade(year), values.filter(one => one === year).length])];
  }
  known.sort((a, b) => values.filter(one => one === b).length - values.filter(one => one === a).length);
  const of = name => known.indexOf(name) < NAMES.length - 1 ? NAMES[Math.max(known.indexOf(name), 0)] : NAMES.at(-1);
  const named = known.slice(0, NAMES.length - 1).map(name => [name, of(name), values.filter(one => one === name).length]);
  const rest = values.filter(name => name !== null && known.indexOf(name) >= NAMES.length - 1).length;
  return [values.map(name => name === null ? UNKNOWN : of(name)), rest ? [...named, [words.other, NAMES.at(-1), rest]] : named];
}

/** Where a point is on the canvas, in CSS pixels. */
function at(point) {
  const pad = 24, { width, height } = canvas.getBoundingClientRect();
  const scale = (value, axis, size) => pad + (size - 2 * pad) * (value - low[axis]) / (high[axis] - low[axis] || 1);
  return [scale(data.x[point], 0, width), height - scale(data.y[point], 1, height)];
}

function draw() {
  const { width, height } = canvas.getBoundingClientRect(), dense = devicePixelRatio;
  canvas.width = width * dense;
  canvas.height = height * dense;
  const pen = canvas.getContext('2d');
  pen.scale(dense, dense);
  const [shades] = colours();
  const order = data.studies.map((_, point) => point).sort((a, b) => (shades[b] === UNKNOWN) - (shades[a] === UNKNOWN));
  for (const point of order) {
    const [x, y] = at(point);
    pen.beginPath();
    pen.arc(x, y, data.studies.length > 500 ? 3 : 5, 0, 7);
    pen.fillStyle = shades[point];
    pen.globalAlpha = chosen.size && !chosen.has(point) ? 0.25 : 0.9;
    pen.fill();
  }
  pen.globalAlpha = 1;
  if (line.length > 1) {
    pen.beginPath();
    line.forEach(([x, y], step) => step ? pen.lineTo(x, y) : pen.moveTo(x, y));
    pen.strokeStyle = isDark ? '#d7dade' : '#1b1f24';
    pen.setLineDash([5, 4]);
    pen.stroke();
  }
  if (cross && document.activeElement === canvas) {
    pen.beginPath();
    pen.setLineDash([]);
    pen.moveTo(cross[0] - 12, cross[1]);
    pen.lineTo(cross[0] + 12, cross[1]);
    pen.moveTo(cross[0], cross[1] - 12);
    pen.lineTo(cross[0], cross[1] + 12);
    pen.strokeStyle = isDark ? '#d7dade' : '#1b1f24';
    pen.lineWidth = 2;
    pen.stroke();
  }
}

function explain() {
  legend.replaceChildren(...colours()[1].filter(([, , count]) => count).map(([name, shade, count]) => {
    const item = document.createElement('li'), dot = document.createElement('canvas'), told = document.createElement('span');
    dot.width = dot.height = 14;
    const pen = dot.getContext('2d');
    pen.fillStyle = shade;
    pen.arc(7, 7, 6, 0, 7);
    pen.fill();
    told.textContent = `${name}  ${count}`;
    item.append(dot, told);
    return item;
  }));
}

/** Whether a place is inside the drawn line: a ray crosses it an odd number of times. */
function inside([x, y]) {
  let odd = false;
  line.forEach(([ax, ay], step) => {
    const [bx, by] = line[(step + 1) % line.length];
    if (ay > y !== by > y && x < (bx - ax) * (y - ay) / (by - ay) + ax) odd = !odd;
  });
  return odd;
}

const place = event => [event.offsetX, event.offsetY];
canvas.addEventListener('pointerdown', event => {
  canvas.setPointerCapture(event.pointerId);
  line = [place(event)];
  chosen = new Set();
});
canvas.addEventListener('pointermove', event => {
  if (!canvas.hasPointerCapture(event.pointerId)) return;
  line.push(place(event));
  draw();
});
canvas.addEventListener('pointerup', () => {
  if (!line.length) return; // pressed elsewhere, and released here
  const [[x, y]] = line, drawn = line.some(([ax, ay]) => Math.hypot(ax - x, ay - y) > STILL);
  choose(drawn ? within() : nearest([x, y]));
});

/** The point that is nearest to a place, if it is beside it. */
function nearest([x, y]) {
  const far = data.studies.map((_, point) => Math.hypot(at(point)[0] - x, at(point)[1] - y));
  const point = far.indexOf(Math.min(...far));
  return far[point] <= BESIDE ? [point] : [];
}

const within = () => data.studies.map((_, point) => point).filter(point => inside(at(point)));

/** Let these points be the chosen ones, and the line be gone. */
function choose(points) {
  chosen = new Set(points);
  line = [];
  corner = null;
  form.hidden = !chosen.size;
  document.getElementById('show-chosen').disabled = chosen.size > MOST;
  form.elements.studies.value = points.map(point => data.studies[point]).join(' ');
  status.textContent = chosen.size ? words.chosen.replace('{}', String(chosen.size)) : '';
  open.hidden = points.length !== 1;
  if (points.length === 1) {
    open.href = `/studies/${data.studies[points[0]]}`;
    open.textContent = `${open.dataset.words} ${data.studies[points[0]].slice(0, 8)}`;
  }
  draw();
}

const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
canvas.addEventListener('keydown', event => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const { width, height } = canvas.getBoundingClientRect();
  cross ??= [width / 2, height / 2];
  if (event.key in MOVES) {
    const step = event.shiftKey ? FINE : STEP, [right, down] = MOVES[event.key];
    cross = [Math.min(Math.max(cross[0] + step * right, 0), width), Math.min(Math.max(cross[1] + step * down, 0), height)];
    if (corner) {
      line = [corner, [cross[0], corner[1]], cross, [corner[0], cross[1]], corner];
      say(words.chosen.replace('{}', String(within().length)));
    }
  } else if ((event.key === 'Enter' || event.key === ' ') && corner) choose(Math.hypot(cross[0] - corner[0], cross[1] - corner[1]) > STILL ? within() : nearest(cross));
  else if (event.key === 'Enter' || event.key === ' ') {
    corner = [...cross];
    say(words.corner);
  } else if (event.key === 'Escape') choose([]);
  else return;
  event.preventDefault();
  draw();
});
for (const kind of ['focus', 'blur']) canvas.addEventListener(kind, draw);
by.addEventListener('change', () => { draw(); explain(); });
addEventListener('resize', draw);
const kept = new Set(form.elements.studies.value.split(' ')); // of a name that was refused
choose(data.studies.map((_, point) => point).filter(point => kept.has(data.studies[point])));
explain();
canvas.dataset.ready = 'yes';
