// What the page can do beyond links and forms: read a chart by pointer and keys, zoom into a range,
// hide lines, change the view without loading all of it again, and follow new numbers. Everything is
// there without it. Charts are read from their tables: there is no second copy of the numbers.
'use strict';
{
  const EVERY = 30000;
  const SVG = 'http://www.w3.org/2000/svg';
  const all = (css, root = document) => [...root.querySelectorAll(css)];
  const one = (css, root = document) => root.querySelector(css);
  const text = (node) => node.textContent;
  const set = (node, attrs) => {
    Object.entries(attrs).forEach(([key, value]) => node.setAttribute(key, value));
    return node;
  };
  const make = (name, attrs, ...children) => {
    const node = set(document.createElement(name), attrs);
    node.append(...children);
    return node;
  };
  const listen = (target, type, act) => target.addEventListener(type, act);
  // Private windows may refuse storage: then nothing is remembered.
  const memory = (key, value) => {
    try {
      if (value !== undefined) localStorage.setItem(key, value);
      return localStorage.getItem(key);
    } catch {
      return value;
    }
  };

  // Charts.
  const chart = (figure) => {
    const plot = one('.plot', figure), svg = one('svg', plot), read = one('.read', figure);
    const rows = [...all('pre', figure).flatMap((pre) => text(pre).split('\n').map((line) => line.split(/ {2,}/))), ...all('tbody tr', figure).map((row) => Object.assign([...row.cells].map(text), row.dataset))];
    const n = rows.length, heads = all('thead th', figure).map(text);
    if (!read || !n) return;
    const zooms = rows[n - 1].to;
    // Earlier rows are lines, and begin with their first hour.
    const start = (row) => rows[row].from || rows[row][0];
    const draw = (name, attrs) => set(document.createElementNS(SVG, name), attrs);
    const cursor = draw('line', { class: 'cursor', y2: '100%' });
    const span = draw('rect', { class: 'span', height: '100%' });
    let at = -1, from = -1;
    const ends = () => [Math.min(from, at), Math.max(from, at)];
    const show = (index, anchor) => {
      at = Math.max(0, Math.min(n - 1, index));
      from = anchor === undefined || anchor < 0 ? -1 : anchor;
      const x = (at + 0.5) * 100 / n + '%';
      svg.append(set(cursor, { x1: x, x2: x }));
      const [name, ...cells] = rows[at];
      let words = name + ': ' + cells.map((cell, i) => (cells[1] ? heads[i + 1] + ' ' : '') + cell).join(', ');
      if (from >= 0) {
        const [first, last] = ends();
        svg.append(set(span, { x: first * 100 / n + '%', width: (last - first + 1) * 100 / n + '%' }));
        words = `${rows[first][0]} to ${rows[last][0]}. Enter shows only this.`;
      } else span.remove();
      read.textContent = words;
    };
    const hide = () => {
      at = from = -1;
      cursor.remove();
      span.remove();
      read.textContent = '';
    };
    const zoom = () => {
      const [first, last] = ends();
      const url = new URL(location);
      url.searchParams.delete('period');
      url.searchParams.delete('group');
      url.searchParams.set('from', start(first));
      url.searchParams.set('to', rows[last].to || start(last + 1));
      url.search = url.search.replaceAll('%3A', ':');
      go(url);
    };
    const under = (event) => {
      const box = svg.getBoundingClientRect();
      return Math.floor((event.clientX - box.left) / box.width * n);
    };
    plot.tabIndex = 0;
    set(plot, { role: 'group', 'aria-label': one('h2', figure.closest('section')).textContent + ', value by value' });
    listen(plot, 'keydown', (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1, Home: -n, End: n }[event.key];
      if (step) show((at < 0 ? (step < 0 ? n : -1) : at) + step, event.shiftKey && zooms ? (from < 0 ? Math.max(at, 0) : from) : -1);
      else if (event.key === 'Escape') hide();
      else if (event.key === 'Enter' && from >= 0) zoom();
      else return;
      event.preventDefault();
    });
    listen(plot, 'pointermove', (event) => show(under(event), event.buttons && pressed ? from : -1));
    listen(plot, 'pointerleave', () => pressed || hide());
    let pressed = false;
    listen(plot, 'pointerdown', (event) => {
      if (event.pointerType !== 'mouse' || event.button || !zooms) return;
      pressed = true;
      plot.setPointerCapture(event.pointerId);
      show(under(event), Math.max(0, Math.min(n - 1, under(event))));
    });
    listen(plot, 'pointerup', () => {
      if (pressed && from >= 0 && from !== at) zoom();
      pressed = false;
      if (from >= 0) show(at);
    });
    listen(plot, 'blur', hide);
    all('.legend li', figure).forEach((item, i) => {
      if (item.dataset.fixed !== undefined) return;
      const button = make('button', { 'aria-pressed': 'true' }, ...item.childNodes);
      item.append(button);
      listen(button, 'click', () => {
        const on = button.getAttribute('aria-pressed') === 'false';
        button.setAttribute('aria-pressed', on);
        all('.s' + i, svg).forEach((shape) => shape.classList.toggle('off', !on));
      });
    });
  };

  // The parts of the page as the server sent them, to see which have changed.
  let sent = new Map();
  const upgrade = (part) => {
    sent.set(part, part.outerHTML);
    all('figure', part).forEach(chart);
  };
  const main = one('main');
  const follow = () => [...main.children].forEach(upgrade);

  const notice = one('#notice');
  const loaded = () => new Date().toTimeString().slice(0, 5);
  let since = loaded();
  const stale = (why) => {
    const again = make('button', {}, 'Try again');
    listen(again, 'click', () => go(location, 'refresh'));
    notice.replaceChildren(`${why} These numbers are from ${since}.`, again);
  };

  // Replaces what has changed, and keeps what a reader has opened, scrolled and focused.
  const take = (next) => {
    document.title = next.title;
    const pairs = ['.pages', '.newest'].map((place) => [one(place), one(place, next)]);
    const [old, fresh] = [[...main.children], [...one('main', next).children]];
    const same = old.length === fresh.length && old.every((part, i) => part.id === fresh[i].id);
    if (same) old.forEach((part, i) => pairs.push([part, fresh[i]]));
    const focus = document.activeElement, named = focus && (focus.id || focus.getAttribute('href'));
    const open = all('main details').map((details) => details.open);
    if (!same) {
      sent = new Map();
      main.replaceChildren(...fresh);
      follow();
    }
    for (const [part, now] of pairs) {
      if (!part || !now || (sent.get(part) || part.outerHTML) === now.outerHTML) continue;
      part.replaceWith(now);
      if (sent.delete(part)) upgrade(now);
    }
    all('main details').forEach((details, i) => { if (same && open[i]) details.open = true; });
    if (named && !focus.isConnected) {
      const again = document.getElementById(named) || all('a').find((link) => link.getAttribute('href') === named);
      (again || main).focus();
    }
  };

  let asked, shown = location.pathname + location.search;
  const go = async (url, how = 'push') => {
    asked?.abort();
    const mine = asked = new AbortController();
    const busy = setTimeout(() => main.setAttribute('aria-busy', 'true'), 200);
    try {
      const answer = await fetch(url, { headers: { accept: 'text/html' }, signal: mine.signal, cache: how === 'refresh' ? 'no-cache' : 'default' });
      const html = await answer.text();
      if (!answer.ok && how === 'refresh') return stale('The numbers cannot be read.');
      if (how === 'push') history.pushState(null, '', url);
      shown = location.pathname + location.search;
      take(new DOMParser().parseFromString(html, 'text/html'));
      since = loaded();
      notice.replaceChildren();
      if (how === 'push') one('#said').textContent = document.title;
    } catch (error) {
      if (error.name !== 'AbortError') how === 'refresh' ? stale('The server cannot be reached.') : location.assign(url);
    } finally {
      clearTimeout(busy);
      if (asked === mine) main.removeAttribute('aria-busy');
    }
  };
  listen(window, 'popstate', () => {
    // A jump within the page is the browser's own business.
    if (location.pathname + location.search !== shown) go(location, 'back');
  });
  // Links that change the view of the same page.
  listen(document, 'click', (event) => {
    const link = event.target.closest?.('a');
    if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    if (link.origin !== location.origin || link.pathname !== location.pathname || link.hash || !link.closest('main')) return;
    event.preventDefault();
    go(link.href);
  });

  // New numbers every 30 seconds: on where they are the point of the page, elsewhere when chosen.
  const live = document.body.dataset.live;
  const choice = 'refresh-' + (live ? 'status' : 'pages');
  let on = (memory(choice) || (live ? 'on' : 'off')) === 'on';
  const button = make('button', { class: 'live' });
  const label = () => {
    button.textContent = on ? 'Pause refreshing' : 'Refresh every 30 s';
  };
  const toggle = () => {
    on = !on;
    memory(choice, on ? 'on' : 'off');
    label();
    if (on) go(location, 'refresh');
  };
  listen(button, 'click', toggle);
  label();
  one('#follow')?.append(button);
  setInterval(() => { if (on && !document.hidden) go(location, 'refresh'); }, EVERY);
  listen(window, 'offline', () => stale('You are offline.'));
  listen(window, 'online', () => go(location, 'refresh'));

  // Keys. They can be switched off, for people whose voice or hand types more than they mean.
  const KEYS = [['1 – 5', 'period'], ['c', 'compare'], ['r', 'refresh'], ['p', 'follow or pause'], ['← →', 'read the chart in focus; with Shift choose a range, Enter shows it']];
  const help = () => {
    const box = make('input', { type: 'checkbox', id: 'keys-on' });
    box.checked = memory('keys') !== 'off';
    listen(box, 'change', () => memory('keys', box.checked ? 'on' : 'off'));
    const close = make('button', {}, 'Close');
    const dialog = make('dialog', { 'aria-label': 'Keys' },
      make('h2', {}, 'Keys'),
      make('ul', {}, ...KEYS.map(([key, does]) => make('li', {}, make('kbd', {}, key), ' ' + does))),
      make('label', {}, box, ' Letters and digits do something'),
      close);
    listen(close, 'click', () => dialog.close());
    listen(dialog, 'close', () => dialog.remove());
    document.body.append(dialog);
    dialog.showModal();
  };
  listen(window, 'keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest('input, select, textarea, dialog')) return;
    if (event.key === '?') return help();
    if (memory('keys') === 'off') return;
    const press = (css) => one(css)?.click();
    if (event.key >= '1' && event.key <= '5') press(`#period li:nth-child(${event.key}) a`);
    else if (event.key === 'c') press('#compare a:not([aria-current])');
    else if (event.key === 'r') go(location, 'refresh');
    else if (event.key === 'p') toggle();
  });

  follow();
}
