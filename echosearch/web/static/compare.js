// Two to four cines in step, on one clock.

import { say } from './app.js';
import { Clock, openCine } from './player.js';

const figures = [...document.querySelectorAll('figure[data-video]')];
const clock = new Clock(document.getElementById('main'));
const opened = await Promise.allSettled(figures.map(figure => openCine(figure.querySelector('canvas'), figure.dataset.video, 'card')));
const cines = [];
opened.forEach((one, place) => {
  const figure = figures[place];
  if (one.status === 'fulfilled') {
    const cine = one.value;
    const rate = Number(figure.dataset.heartRate);
    cine.beat = rate ? 60 / rate : null;
    figure.querySelector('[data-show="own"]').textContent = `${cine.frames} · ${cine.rate.toFixed(1)} fps`;
    cines.push(cine);
  } else {
    const none = figure.querySelector('.none');
    none.textContent = one.reason.message;
    none.hidden = false;
    figure.querySelector('canvas').hidden = true;
    say(one.reason.message);
  }
});
if (cines.length) {
  clock.load(cines);
  document.getElementById('main').dataset.ready = 'yes';
}
