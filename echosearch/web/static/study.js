// The page of a study, and of a review: one player, and the list of its cines.

import { onKey, say } from './app.js';
import { drawContour } from './contour.js';
import { Clock, openCine } from './player.js';

const player = document.getElementById('player');
/** Scroll the list of cines to one of them, and never the page. */
function reveal(film) {
  const list = film.closest('ol'), outer = list.getBoundingClientRect(), own = film.getBoundingClientRect();
  list.scrollBy(
    Math.min(own.left - outer.left, 0) || Math.max(own.right - outer.right, 0),
    Math.min(own.top - outer.top, 0) || Math.max(own.bottom - outer.bottom, 0),
  );
}

const films = [...document.querySelectorAll('.films a')];
if (player?.dataset.video) {
  const clock = new Clock(player);
  const none = player.querySelector('.none');
  const told = document.getElementById('now');
  let wanted = 0;

  const show = async film => {
    const turn = ++wanted;
    for (const each of films) each.toggleAttribute('aria-current', false);
    film.setAttribute('aria-current', 'true');
    reveal(film);
    told.textContent = film.dataset.label;
    // a canvas of its own: the one before may still be drawn on
    const old = player.querySelector('canvas');
    const canvas = document.createElement('canvas');
    canvas.setAttribute('role', 'img');
    canvas.setAttribute('aria-label', `${old.getAttribute('aria-label').split(':')[0]}: ${film.dataset.label}`);
    try {
      const cine = await openCine(canvas, film.dataset.video, 'study');
      if (turn !== wanted) {
        cine.close();
        return;
      }
      player.querySelector('canvas').replaceWith(canvas);
      none.hidden = true;
      canvas.hidden = false;
      clock.load([cine]);
      drawContour(cine, film.dataset.video);
      canvas.dataset.ready = 'yes';
    } catch (problem) {
      if (turn !== wanted) return;
      clock.play(false);
      old.hidden = true;
      none.textContent = problem.message;
      none.hidden = false;
      say(problem.message);
    }
  };

  for (const link of document.querySelectorAll('#interpretation [data-video]')) {
    link.addEventListener('click', event => {
      const film = films.find(each => each.dataset.video === link.dataset.video);
      if (!film || event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault(); // the page stays, with what was read
      show(film);
      player.scrollIntoView({ block: 'nearest' });
      film.focus({ preventScroll: true });
    });
  }

  const current = () => films.findIndex(film => film.hasAttribute('aria-current'));
  const move = by => {
    const next = films[current() + by];
    if (!next) return false;
    next.focus({ preventScroll: true });
    show(next);
  };
  for (const film of films) {
    film.addEventListener('click', event => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      show(film);
    });
  }
  onKey(['j', 'ArrowDown'], () => move(1));
  onKey(['k', 'ArrowUp'], () => move(-1));
  onKey(['ArrowRight'], event => event.target === clock.slider ? false : clock.step(1));
  onKey(['ArrowLeft'], event => event.target === clock.slider ? false : clock.step(-1));
  show(films.find(film => film.dataset.video === player.dataset.video) ?? films[0]);
}
