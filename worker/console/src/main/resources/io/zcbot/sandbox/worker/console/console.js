// Copyright the zcbot sandbox worker authors. SPDX-License-Identifier: Apache-2.0
import {clock, count, duration, make, millis, setClass, setText} from './format.js';
import {Table} from './table.js';

const byId = id => document.getElementById(id);
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const LETTER = /^[0-9]{1,10}-[0-9]{1,19}$/;
const IDLE_AFTER = 60000;
const OVERDUE_AFTER = 45000;

const sandboxes = new Map();
let fleet = null;
let ahead = 0; // of the server's clock over this one's
let heard = 0;
let lists = {commands: [], failures: [], letters: [], hosts: []};
let open = null; // what the panel shows: {user, failure: of this user, or null} or {letter: its id}
const now = () => Date.now() + ahead;

// --- what each table shows

const reapAt = row => (row.commands > 0 ? Infinity : row.lastUse + row.idleTtl);
// A use before the time that was read is not known.
const dueAt = row => Math.max(reapAt(row), (fleet ? fleet.since : 0) + row.idleTtl);

function reapedIn(row, at) {
  if (reapAt(row) > at) return duration(reapAt(row) - at);
  return at >= dueAt(row) ? 'due' : '?';
}

function stateOf(row, at) {
  if (row.commands > 0) return 'running';
  if (row.expiringAt > at) return 'expiring';
  if (fleet && fleet.upTo - dueAt(row) > OVERDUE_AFTER) return 'overdue'; // later, it may have been used unnoticed
  if (at >= dueAt(row)) return 'due';
  return at - row.lastUse > IDLE_AFTER ? 'idle' : 'active';
}
const STATE_STYLE = {running: 'strong', active: 'good', idle: 'dim', expiring: 'warn', due: 'warn', overdue: 'bad'};

const userColumn = {title: 'user', width: 'minmax(150px, 2.2fr)', small: 'minmax(0, 1fr)', value: r => r.user, text: r => r.user, style: () => 'mono'};
const hostColumn = {title: 'host', width: 'minmax(70px, 1fr)', small: 'minmax(0, 0.8fr)', value: r => r.host, text: r => r.host};
const timeColumn = {title: 'time', width: '92px', small: '66px', value: r => r.time, text: (r, at) => clock(r.time, at), style: () => 'dim'};

const tables = {
  sandboxes: {
    title: 'Sandboxes',
    sort: {column: 3, down: false},
    empty: 'No sandbox is announced.',
    columns: [
      {...userColumn, lead: true},
      hostColumn,
      {title: 'state', width: '78px', small: '58px', value: r => stateOf(r, now()), text: stateOf, style: (r, at) => STATE_STYLE[stateOf(r, at)]},
      {title: 'age', optional: true, width: '88px', value: r => -r.openedAt, text: (r, at) => duration(at - r.openedAt)},
      {title: 'last use', width: '154px', small: 'minmax(0, 1.5fr)', value: r => r.lastUse, text: (r, at) => duration(at - r.lastUse) + ' ago' + (r.use ? ', ' + r.use : '')},
      {title: 'reaped in', width: '88px', small: '70px', value: reapAt, style: (r, at) => (dueAt(r) - at < 30000 ? 'warn' : ''),
        text: (r, at) => (r.commands > 0 ? 'in use' : reapedIn(r, at))},
      {title: 'commands', width: '92px', value: r => r.commands, text: r => (r.commands ? String(r.commands) : ''), style: () => 'number strong'},
      {title: 'profile', optional: true, width: 'minmax(64px, 110px)', value: r => r.profile, text: r => r.profile, style: () => 'dim'},
      {title: 'made', optional: true, width: '78px', value: r => r.outcome, text: r => r.outcome, style: () => 'dim'},
      {title: 'container', optional: true, width: '108px', value: r => r.key, text: r => r.key.slice(0, 12), style: () => 'mono dim'},
    ],
  },
  commands: {
    title: 'Commands',
    sort: {column: 0, down: true},
    empty: 'No command is running.',
    columns: [
      {title: 'for', width: '88px', small: '80px', value: r => -r.time, text: (r, at) => duration(at - r.time), style: () => 'strong'},
      {title: 'command', lead: true, width: 'minmax(180px, 3fr)', value: r => r.line, text: r => r.line || '(asked for before the time that was read)', style: r => (r.line ? 'mono' : 'dim')},
      userColumn,
      hostColumn,
    ],
  },
  failures: {
    title: 'Failures',
    sort: {column: 0, down: true},
    empty: 'Nothing failed in the time that was read.',
    lines: 2,
    columns: [
      timeColumn,
      {title: 'what', width: '108px', small: '88px', value: r => r.what, text: r => r.what},
      {title: 'reason', width: 'minmax(90px, 156px)', small: 'minmax(0, 1fr)', value: r => r.reason, text: r => r.reason, style: () => 'bad'},
      {title: 'times', width: '56px', small: '40px', value: r => r.count, text: r => (r.count > 1 ? count(r.count) + ' ×' : ''), style: () => 'number'},
      {title: 'message', lead: true, width: 'minmax(180px, 3fr)', value: r => r.message, text: r => r.message || '–'},
      {...userColumn, small: ''},
    ],
  },
  letters: {
    title: 'Dead letters',
    sort: {column: 0, down: true},
    empty: 'No dead letter in the time that was read.',
    lines: 2,
    columns: [
      timeColumn,
      {title: 'id', width: '80px', small: '60px', value: r => r.what, text: r => r.what, style: () => 'mono'},
      {title: 'field', width: '110px', small: 'minmax(0, 1fr)', value: r => r.reason, text: r => r.reason, style: () => 'warn'},
      {title: 'error', lead: true, width: 'minmax(180px, 3fr)', value: r => r.message, text: r => r.message},
      {title: 'record', width: 'minmax(120px, 1fr)', small: 'minmax(0, 1.5fr)', value: r => r.user, text: r => r.user, style: () => 'mono dim'},
    ],
  },
  hosts: {
    title: 'Hosts',
    sort: {column: 0, down: false},
    empty: 'No host was heard of.',
    columns: [
      {title: 'host', lead: true, width: 'minmax(100px, 2fr)', value: r => r.host, text: r => r.host},
      {title: 'worker', width: 'minmax(100px, 2fr)', small: 'minmax(0, 1fr)', value: r => r.worker, text: r => r.worker},
      {title: 'in the group', width: '130px', small: '90px', value: r => r.partitions, text: membership, style: r => (isGone(r) ? 'bad' : '')},
      {title: 'used', width: '60px', small: '40px', value: r => r.used, text: r => count(r.used), style: () => 'number'},
      {title: 'free', width: '60px', small: '40px', value: r => free(r), text: r => (r.places ? count(free(r)) : '?'), style: r => 'number ' + (r.places && free(r) === 0 ? 'bad' : '')},
      {title: 'places', width: '60px', small: '46px', value: r => r.places, text: r => (r.places ? count(r.places) : '?'), style: () => 'number dim'},
      {title: 'commands', width: '80px', value: r => r.commands, text: r => count(r.commands), style: () => 'number'},
      {title: 'last heard', optional: true, width: '110px', value: r => r.time, text: (r, at) => duration(at - r.time) + ' ago', style: () => 'dim'},
    ],
  },
};
const isGone = host => host.partitions < 0 && !fleet.groupProblem;
const free = host => (isGone(host) ? 0 : Math.max(0, host.places - host.used));

function membership(host) {
  if (fleet.groupProblem) return '?';
  return host.partitions < 0 ? 'no' : host.partitions + ' partitions';
}

// --- tabs

let current = 'sandboxes';
const tabs = byId('tabs');
Object.entries(tables).forEach(([name, table], i) => {
  table.view = new Table(table.columns, {
    sort: table.sort,
    lines: table.lines,
    now,
    empty: () => (byId('search').value ? 'Nothing is found.' : fleet && fleet.upTo ? table.empty : fleet && fleet.problem ? 'Not everything is known.' : 'Reading the topics …'),
    open: row => openRow(name, row),
  });
  table.tab = make('button', '', table.title);
  table.tab.type = 'button';
  table.tab.id = 'tab-' + name;
  table.tab.title = 'Key ' + (i + 1);
  table.tab.setAttribute('role', 'tab');
  table.tab.addEventListener('click', () => choose(name));
  tabs.append(table.tab);
});

function choose(name) {
  current = name;
  Object.entries(tables).forEach(([each, table]) => table.tab.setAttribute('aria-selected', each === name));
  byId('view').replaceChildren(tables[name].view.element);
  refresh();
  keepAddress();
}

function openRow(name, row) {
  if (name === 'hosts') find(row.host);
  else if (name === 'letters') showPanel({letter: row.what});
  else if (UUID.test(row.user)) showPanel({user: row.user, failure: name === 'failures' ? row : null});
}

function find(text) {
  byId('search').value = text;
  choose('sandboxes');
}

const rowsOf = name => (name === 'sandboxes' ? [...sandboxes.values()] : lists[name]);

function refresh() {
  const search = byId('search').value.trim().toLowerCase();
  const all = rowsOf(current);
  const rows = search ? all.filter(row => row.text.includes(search)) : all;
  tables[current].view.set(rows);
  setText(byId('found'), search ? count(rows.length) + ' of ' + count(all.length) : '');
}

let dirty = false;
function later() {
  if (!dirty) {
    dirty = true;
    requestAnimationFrame(() => {
      dirty = false;
      refresh();
      showCards();
    });
  }
}

// --- cards

const cards = {};
function card(name, title) {
  const element = make('div', 'card');
  element.id = 'card-' + name;
  const parts = {element, value: make('div', 'value', '–'), more: make('div', 'more')};
  element.append(make('div', 'name', title), parts.value, parts.more);
  byId('cards').append(element);
  cards[name] = parts;
}
[['sandboxes', 'sandboxes'], ['places', 'free places'], ['commands', 'commands'], ['rate', 'ensures'],
  ['latency', 'ready in'], ['failures', 'failures, 5 min'], ['letters', 'dead letters, 5 min'],
  ['lag', 'lag of the workers'], ['wait', 'longest wait']].forEach(([name, title]) => card(name, title));

function put(name, value, more, mood) {
  setText(cards[name].value, value);
  setText(cards[name].more, more);
  setClass(cards[name].element, mood ? 'card ' + mood : 'card');
}

const SVG = 'http://www.w3.org/2000/svg';
function spark(name, values) {
  const parts = cards[name];
  if (!parts.line) {
    const svg = document.createElementNS(SVG, 'svg');
    svg.setAttribute('viewBox', '0 0 100 30');
    svg.setAttribute('preserveAspectRatio', 'none');
    svg.setAttribute('aria-hidden', 'true');
    parts.line = document.createElementNS(SVG, 'polyline');
    svg.append(parts.line);
    parts.element.append(svg);
  }
  const top = Math.max(1, ...values);
  parts.line.setAttribute('points', values.map((v, i) => (i * 100 / (values.length - 1)).toFixed(1) + ',' + (29 - 28 * v / top).toFixed(1)).join(' '));
}

// Unless everything is known, the answers may be what is missing.
const isKnown = () => fleet.upTo && !fleet.problem;
const unanswered = open => (isKnown() ? open + ' unanswered' : '');

function showCards() {
  if (!fleet) return;
  let running = 0;
  for (const row of sandboxes.values()) if (row.commands > 0) running++;
  put('sandboxes', count(fleet.sandboxes), running + (running === 1 ? ' runs' : ' run') + ' commands' + (fleet.omitted ? ', too many to show all' : ''), fleet.omitted ? 'warn' : '');
  const known = lists.hosts.filter(host => host.places);
  const places = known.reduce((sum, host) => sum + free(host), 0);
  const hosts = lists.hosts.length + (lists.hosts.length === 1 ? ' host' : ' hosts');
  put('places', known.length ? count(places) : '?', 'on ' + hosts, known.length && !places ? 'bad' : '');
  put('commands', count(fleet.commands), unanswered(fleet.openExecs));
  const done = fleet.series.slice(-7, -1);
  const rate = done.reduce((sum, step) => sum + step[0], 0) / 60;
  put('rate', rate.toFixed(rate < 10 ? 1 : 0) + ' /s', 'last 10 min');
  spark('rate', fleet.series.map(step => step[0]));
  put('latency', fleet.latency.count ? millis(fleet.latency.p50) : '–', fleet.latency.count ? '99 % in ' + millis(fleet.latency.p99) : 'none in the last 5 min',
    fleet.latency.p99 > 5000 ? 'warn' : '');
  spark('latency', fleet.series.map(step => step[4]));
  put('failures', count(fleet.failures), lists.failures.length ? 'last: ' + lists.failures[0].reason : 'none', fleet.failures ? 'warn' : '');
  put('letters', count(fleet.letters), lists.letters.length ? 'last: ' + lists.letters[0].reason : 'none', fleet.letters ? 'warn' : '');
  const workers = Object.keys(fleet.workers).length;
  const missing = lists.hosts.filter(host => isGone(host) && host.used > 0).length;
  put('lag', fleet.lag < 0 ? '?' : count(fleet.lag), fleet.groupProblem || workers + (workers === 1 ? ' worker' : ' workers') + (missing ? ', ' + missing + ' gone' : ''),
    fleet.groupProblem ? '' : workers === 0 || missing ? 'bad' : fleet.lag > 1000 ? 'warn' : '');
  const oldest = isKnown() && fleet.oldestEnsure ? fleet.upTo - fleet.oldestEnsure : 0;
  put('wait', !isKnown() ? '?' : oldest > 1500 ? duration(oldest) : 'none', unanswered(fleet.openEnsures), oldest > 60000 ? 'bad' : oldest > 10000 ? 'warn' : '');
  Object.entries(tables).forEach(([name, table]) => {
    const n = name === 'sandboxes' ? sandboxes.size : name === 'commands' ? fleet.commands : lists[name].length;
    setText(table.tab, table.title + ' ' + count(n));
  });
  showStatus();
}

function showStatus() {
  const silent = Date.now() - heard;
  const problem = !heard ? '' : silent > 6000 ? 'The console has not been heard of for ' + duration(silent) + '. What is shown is old.' : fleet && fleet.problem;
  const banner = byId('banner');
  banner.hidden = !problem;
  setText(banner, problem || '');
  setClass(byId('dot'), problem ? 'bad' : fleet && fleet.upTo ? 'good' : '');
  if (fleet) {
    const known = fleet.upTo ? 'everything read until ' + clock(fleet.upTo, now()) : fleet.problem ? 'not everything is known' : 'reading the topics';
    setText(byId('status-text'), known + (fleet.behind ? ', ' + count(fleet.behind) + ' records to read' : ''));
  }
}

// --- what the server sends

const COLUMNS = ['key', 'user', 'host', 'worker', 'openedAt', 'idleTtl', 'lastUse', 'use', 'commands', 'outcome', 'image', 'expiringAt', 'expiringReason', 'profile'];

function onSandboxes(data) {
  if (data.reset) sandboxes.clear();
  for (const key of data.gone) sandboxes.delete(key);
  for (const cells of data.rows) {
    const row = {};
    COLUMNS.forEach((name, i) => { row[name] = cells[i]; });
    row.text = (row.user + ' ' + row.host + ' ' + row.worker + ' ' + row.key + ' ' + row.profile).toLowerCase();
    sandboxes.set(row.key, row);
  }
  later();
}

function onOverview(data) {
  fleet = data;
  ahead = data.now - Date.now();
  lists.hosts = data.hosts.map(([host, worker, used, places, commands, time]) => ({
    key: host, host, worker, used, places, commands, time,
    partitions: Object.hasOwn(data.workers, worker) ? data.workers[worker] : -1,
    text: (host + ' ' + worker).toLowerCase(),
  }));
  const named = new Set(lists.hosts.map(host => host.worker));
  for (const [worker, partitions] of Object.entries(data.workers)) {
    if (!named.has(worker)) {
      lists.hosts.push({key: ' ' + worker, host: '(not heard of yet)', worker, used: 0, places: 0, commands: 0, time: data.now, partitions, text: worker.toLowerCase()});
    }
  }
  later();
  if (open && open.user) load(open);
}

function onCommands(data) {
  lists.commands = data.map(([time, user, host, line, id]) => ({key: user + id, time, user, host, line, text: (user + ' ' + host + ' ' + line).toLowerCase()}));
  later();
}

const onNotices = name => data => {
  lists[name] = data.map(([time, user, what, reason, message, first, times, command]) => ({
    key: [user, what, reason, message].join('\n'), time, user, what, reason, message, first, count: times, command,
    text: [user, what, reason, message].join(' ').toLowerCase(),
  }));
  later();
  if (open) showNotice();
};

function connect() {
  const source = new EventSource('events');
  const on = (name, handle) => source.addEventListener(name, event => {
    heard = Date.now();
    handle(JSON.parse(event.data));
  });
  on('overview', onOverview);
  on('sandboxes', onSandboxes);
  on('commands', onCommands);
  on('failures', onNotices('failures'));
  on('letters', onNotices('letters'));
  source.addEventListener('error', () => {
    if (source.readyState === EventSource.CLOSED) setTimeout(connect, 3000); // refused: ask again
  });
}

// --- the panel: one user, with a failure of theirs, or a dead letter

const EVENT_STYLE = {ready: 'good', exec: 'strong', 'ensure failed': 'bad', 'sandbox ended': 'bad', command: 'bad', expiring: 'warn', reaped: 'warn', activity: 'dim', ensure: 'dim'};

function showPanel(what) {
  open = {...what, entries: [], read: ''};
  byId('user').hidden = false;
  setText(byId('user-name'), open.user || 'Dead letter ' + open.letter);
  byId('user-facts').replaceChildren();
  byId('user-events').replaceChildren();
  byId('user-facts').hidden = byId('user-events').hidden = !open.user;
  document.querySelector('.aside-body').scrollTop = 0;
  if (getComputedStyle(byId('user')).position === 'fixed') byId('user-close').focus(); // the rest can't be seen
  showNotice();
  if (open.user && fleet) load(open); // else with the first overview, which tells the server's time
  keepAddress();
}

async function load(panel) {
  try {
    const answer = await fetch('user?id=' + panel.user);
    if (answer.ok) {
      const text = await answer.text();
      if (panel === open) showUser(text);
    }
  } catch {
    // The banner tells that the console is not heard of.
  }
}

const factsOf = facts => facts.flatMap(([name, value]) => [make('dt', '', name), make('dd', '', value)]);

function showUser(text) {
  const at = now();
  const own = [...sandboxes.values()].filter(row => row.user === open.user);
  const facts = [];
  for (const row of own) {
    facts.push(['state', stateOf(row, at) + (row.expiringReason && row.expiringAt > at ? ' (' + row.expiringReason + ')' : '')],
      ['on', row.host + ', worker ' + row.worker], ['age', duration(at - row.openedAt)],
      ['reaped in', row.commands > 0 ? 'in use' : reapedIn(row, at) + ', TTL ' + duration(row.idleTtl)],
      ['container', row.key.slice(0, 12)], ['image', row.image || '?'], ['profile', row.profile]);
  }
  if (!own.length) facts.push(['state', 'no sandbox']);
  byId('user-facts').replaceChildren(...factsOf(facts));
  if (text === open.read) return; // so that text that is selected stays so
  open.read = text;
  open.entries = JSON.parse(text).entries;
  const items = linesOf(open.entries).reverse().map(line => lineOf(line, at));
  if (!items.length) items.push(make('li', 'dim', 'Nothing was read of this user.'));
  byId('user-events').replaceChildren(...items);
  showNotice();
}

const isExec = entry => entry && entry[2] === 'exec';
const execOf = (entries, command) => entries.find(entry => isExec(entry) && entry[5] === command);

// A result shows its command, so an exec that its result follows at once is left out; what is equal is one line.
function linesOf(entries) {
  const lines = [];
  entries.forEach((entry, i) => {
    const [from, to, kind, text, times, command] = entry;
    const next = entries[i + 1];
    if (isExec(entry) && next && !isExec(next) && next[5] === command) return;
    const exec = !isExec(entry) && command ? execOf(entries, command) : null;
    const program = isExec(entry) || !command ? '' : exec ? exec[3] : '(its exec was not read)';
    const last = lines.at(-1);
    if (last && last.kind === kind && last.text === text && last.program === program) {
      last.to = to;
      last.times += times;
    } else {
      lines.push({from, to, kind, text, times, program});
    }
  });
  return lines;
}

function lineOf({from, to, kind, text, times, program}, at) {
  const item = make('li');
  const what = make('div');
  if (program) what.append(make('div', 'mono', program));
  if (text) what.append(make('div', kind === 'exec' ? 'mono' : '', text));
  if (times > 1) what.append(make('div', 'dim', times + ' times since ' + clock(from, at)));
  item.append(make('span', 'dim', clock(to, at)), make('span', EVENT_STYLE[kind] || '', kind), what);
  return item;
}

function showNotice() {
  const row = open.letter ? lists.letters.find(each => each.what === open.letter)
    : open.failure && (lists.failures.find(each => each.key === open.failure.key) || open.failure);
  byId('notice').hidden = !row && !open.letter;
  if (!row) {
    setText(byId('notice-message'), open.letter ? 'It is not among the dead letters that were read.' : '');
    byId('notice-facts').replaceChildren();
    return;
  }
  const at = now();
  const exec = row.command ? execOf(open.entries, row.command) : null;
  setText(byId('notice-message'), row.message || 'There is no message.');
  byId('notice-facts').replaceChildren(...factsOf(open.letter
    ? [['time', clock(row.time, at)], ['field', row.reason], ['record', row.user], ['to see it', 'bin/sandbox dead-letters show ' + row.what]]
    : [['what', row.what], ['reason', row.reason],
      ['time', clock(row.time, at) + (row.count > 1 ? ', ' + count(row.count) + ' times since ' + clock(row.first, at) : '')],
      ...(exec ? [['command', exec[3]]] : [])]));
}

function closeUser() {
  open = null;
  byId('user').hidden = true;
  keepAddress();
}

// --- the address, which names what is shown, so that it can be sent to somebody

let isRestoring = false;

function keepAddress(how = 'pushState') {
  const names = new URLSearchParams({view: current});
  const wanted = byId('search').value.trim();
  if (wanted) names.set('find', wanted);
  if (open && open.user) names.set('user', open.user);
  if (open && open.letter) names.set('letter', open.letter);
  if (!isRestoring && '#' + names !== location.hash) history[how](null, '', '#' + names);
}

function restore() {
  const names = new URLSearchParams(location.hash.slice(1));
  isRestoring = true;
  byId('search').value = names.get('find') || '';
  choose(Object.hasOwn(tables, names.get('view')) ? names.get('view') : 'sandboxes');
  const user = names.get('user');
  const letter = names.get('letter');
  if (UUID.test(user)) {
    if (!open || open.user !== user) showPanel({user, failure: null});
  } else if (LETTER.test(letter)) {
    showPanel({letter});
  } else {
    closeUser();
  }
  isRestoring = false;
}
addEventListener('hashchange', restore);

// --- keys and buttons

const search = byId('search');
let typed = 0;
search.addEventListener('input', () => {
  refresh();
  clearTimeout(typed);
  typed = setTimeout(() => keepAddress('replaceState'), 500); // browsers limit how often it may change
  const wanted = search.value.trim().toLowerCase();
  if (UUID.test(wanted)) showPanel({user: wanted, failure: null});
});
byId('user-close').addEventListener('click', closeUser);
byId('help').addEventListener('click', () => byId('keys').showModal());
byId('keys-close').addEventListener('click', () => byId('keys').close());

function theme(name) {
  document.documentElement.classList.toggle('light', name === 'light');
}
function changeTheme() {
  const next = document.documentElement.classList.contains('light') ? 'dark' : 'light';
  theme(next);
  try {
    localStorage.setItem('theme', next);
  } catch {
    // It is forgotten with the page.
  }
}
function rememberedTheme() {
  try {
    return localStorage.getItem('theme');
  } catch {
    return null;
  }
}
theme(rememberedTheme() || (matchMedia('(prefers-color-scheme: light)').matches ? 'light' : 'dark'));
byId('theme').addEventListener('click', changeTheme);

document.addEventListener('keydown', event => {
  if (event.ctrlKey || event.metaKey || event.altKey || byId('keys').open) return;
  const view = tables[current].view;
  if (event.key === 'Escape') {
    if (!byId('user').hidden) closeUser();
    else if (search.value) {
      search.value = '';
      refresh();
      keepAddress();
    }
    search.blur();
    return;
  }
  if (event.target === search) {
    if (event.key === 'Enter') view.openSelected();
    if (event.key === 'ArrowDown') view.move(1);
    if (event.key === 'ArrowUp') view.move(-1);
    return;
  }
  const keys = {
    '/': () => search.focus(), j: () => view.move(1), k: () => view.move(-1),
    ArrowDown: () => view.move(1), ArrowUp: () => view.move(-1), t: changeTheme, '?': () => byId('keys').showModal(),
  };
  if (event.key === 'Enter' && event.target.tagName !== 'BUTTON') view.openSelected();
  else if (event.key >= '1' && event.key <= '5') choose(Object.keys(tables)[event.key - 1]);
  else if (keys[event.key]) keys[event.key]();
  else return;
  event.preventDefault();
});

restore();
setInterval(() => {
  tables[current].view.later();
  showStatus();
}, 1000);
connect();
