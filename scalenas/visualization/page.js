'use strict';

// Whatever comes from a study reaches the page as text nodes and attributes, never as markup.

const DASHES = ['solid', 'dash', 'dot', 'dashdot', 'longdash', 'longdashdot'];
const SYMBOLS = ['circle', 'square', 'diamond', 'triangle-up', 'cross', 'triangle-down'];
const FIXED = ['slot', 'generation', 'blocks', 'fusions'];
const PAGE_ROWS = 100;
const MOST_CARDS = 6;
const LONGEST = 32;
const SCALES = { k: 1e3, K: 1e3, M: 1e6, G: 1e9, T: 1e12, Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30 };
const $ = (id) => document.getElementById(id);
const narrow = () => window.innerWidth < 641;

function h(tag, properties, ...children) {
  const { dataset, aria, ...rest } = properties || {};
  const element = Object.assign(document.createElement(tag), rest);
  for (const [name, value] of Object.entries(aria || {})) element.setAttribute(`aria-${name}`, value);
  Object.assign(element.dataset, dataset);
  element.append(...children.filter((child) => child !== null));
  return element;
}

async function unpacked(id) {
  if (!('DecompressionStream' in window)) throw new Error('this page needs a browser of 2023 or later');
  const bytes = Uint8Array.from(atob($(id).textContent), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
  return new Response(stream).text();
}

const remembered = {
  key: `scalenas ${document.title}`,
  // Some browsers keep nothing for files; then a reload begins anew.
  read() { try { return JSON.parse(sessionStorage.getItem(this.key)) || {}; } catch { return {}; } },
  write(state) { try { sessionStorage.setItem(this.key, JSON.stringify(state)); } catch { /* as above */ } },
};

const state = { x: null, y: null, filter: '', front: false, study: '', sort: null, down: false, hidden: [], theme: '', top: 0, ...remembered.read() };
const keep = () => remembered.write(state);

function themed() {
  const wanted = state.theme || (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light');
  document.documentElement.dataset.theme = wanted;
  return wanted;
}
themed();
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
const ofStudy = (i) => colour(`s${i % 6}`);

function start(data) {
  const axes = [
    ...FIXED.map((name) => ({ name, label: name, unit: '', divisor: 1, way: '', fixed: true })),
    ...data.axes,
  ];
  const rows = data.studies.flatMap((study, s) =>
    study.rows.map(([front, ...values]) => ({ s, front: front === 1, slot: values[0], values })));
  const drawings = new Map();
  data.studies.forEach((study, s) => Object.entries(study.drawings).forEach(([slot, { svg }]) => {
    if (svg) drawings.set(`${s}/${slot}`, URL.createObjectURL(new Blob([svg], { type: 'image/svg+xml' })));
  }));
  // An own column may be called like one of ours; where nothing has a fusion there is no such axis.
  const taken = new Set(data.axes.map((axis) => axis.name));
  const usable = axes.map((axis, i) => i).filter((i) =>
    !(axes[i].fixed && taken.has(axes[i].name)) && !(i === 3 && rows.every((row) => !row.values[3])));
  const at = (name) => axes.findIndex((axis) => !axis.fixed && axis.name === name);
  const goals = data.objectives.map((objective) => at(objective.name)).filter((i) => i >= 0);
  const costs = goals.filter((i) => axes[i].cost);
  const metrics = goals.filter((i) => !axes[i].cost);
  const defaultX = costs[0] ?? metrics[1] ?? 0;
  const defaultY = metrics[0] ?? costs[1] ?? goals[0] ?? 0;
  for (const [key, value] of [['x', defaultX], ['y', defaultY === defaultX ? 0 : defaultY]]) {
    if (!usable.includes(state[key])) state[key] = value;
  }
  const several = data.studies.length > 1;
  // Of studies of one work dir the names begin alike.
  const whole = data.studies.map((study) => study.name);
  let shared = several ? whole[0].lastIndexOf('_') + 1 : 0;
  while (shared && !whole.every((name) => name.startsWith(whole[0].slice(0, shared)) && name.length > shared)) shared = whole[0].lastIndexOf('_', shared - 2) + 1;
  const names = whole.map((name) => name.slice(shared).replaceAll('_', ' ')).map((name) => (name.length > LONGEST ? `${name.slice(0, LONGEST - 1)}…` : name));

  const heading = (axis) => (axis.unit ? `${axis.label} (${axis.unit})` : axis.label);
  function number(value, axis) {
    if (value === null || value === undefined) return '–';
    const scaled = value / axis.divisor;
    if (Number.isInteger(scaled) && Math.abs(scaled) < 1e6) return String(scaled);
    return Math.abs(scaled) >= 1e6 || Math.abs(scaled) < 1e-4 ? scaled.toExponential(3) : String(Number(scaled.toPrecision(5)));
  }
  const amount = (value, axis) => `${number(value, axis)} ${axis.unit}`.trim();

  // ---- what is shown of a network

  const drawing = (row) => {
    const url = drawings.get(`${row.s}/${row.slot}`);
    return url ? h('img', { src: url, className: 'drawing', alt: `drawing of the network in slot ${row.slot}` }) : null;
  };
  const title = (row) => h('strong', {}, `slot ${row.slot}${several ? ` of ${names[row.s]}` : ''}`,
    row.front ? h('span', { className: 'badge' }, 'front') : null);

  function values(row, which) {
    return h('dl', {}, ...which.flatMap((i) => [h('dt', {}, axes[i].label), h('dd', {}, amount(row.values[i], axes[i]))]));
  }

  function genes(row) {
    const study = data.studies[row.s];
    const letters = study.letters && study.letters[row.slot];
    if (!letters) return null;
    const units = new Map();
    study.genes.forEach(([name, unit, role, allowed], i) => {
      const index = letters.codePointAt(i) - 0x30;
      if (index < 0) return;
      const roles = units.get(unit) || units.set(unit, new Map()).get(unit);
      const kind = role || name.slice(name.lastIndexOf('.') + 1);
      const value = allowed[index];
      const text = typeof value === 'boolean' ? (value ? '■' : '□') : `${value} `;
      roles.set(kind, (roles.get(kind) || '') + text);
    });
    const lines = [...units].map(([unit, roles]) => h('tr', {}, h('td', {}, unit),
      h('td', {}, ...[...roles].flatMap(([role, text]) => [role === unit ? '' : `${role} `, h('span', {}, text), ' ']))));
    return h('table', { className: 'genes' }, h('tbody', {}, ...lines));
  }

  const listed = () => [...new Set([...goals, ...usable.filter((i) => !axes[i].fixed && axes[i].cost), 1, 2, 3])].filter((i) => usable.includes(i));

  function tip(row, event) {
    const box = $('tip');
    box.dataset.slot = row.slot;
    box.replaceChildren(title(row), values(row, listed()), drawing(row) || genes(row) || '');
    box.hidden = false;
    const { clientX = 0, clientY = 0 } = event || {};
    const { width, height } = box.getBoundingClientRect();
    const left = clientX + 18 + width > innerWidth ? clientX - 18 - width : clientX + 18;
    box.style.left = `${Math.max(8, left)}px`;
    box.style.top = `${Math.max(8, Math.min(clientY - 40, innerHeight - height - 8))}px`;
  }
  const untip = () => { $('tip').hidden = true; };

  function detail(row) {
    untip();
    const dialog = $('detail');
    const url = drawing(row);
    const { why } = data.studies[row.s].drawings[row.slot] || {};
    dialog.dataset.slot = row.slot;
    dialog.replaceChildren(
      h('div', { className: 'bar' }, title(row), h('button', { type: 'button', style: 'margin-left:auto', onclick: () => dialog.close() }, 'close')),
      url ? h('div', { className: 'scroll' }, url) : '',
      why ? h('p', { className: 'muted' }, `not drawn: ${why}`) : '',
      values(row, usable.slice(1)), genes(row) || '');
    dialog.showModal();
    dialog.scrollTop = 0;
  }
  $('detail').addEventListener('click', (event) => { if (event.target === $('detail')) $('detail').close(); });

  // ---- charts

  const base = () => ({
    paper_bgcolor: 'rgba(0,0,0,0)', plot_bgcolor: 'rgba(0,0,0,0)',
    font: { color: colour('ink'), family: 'system-ui, sans-serif', size: 13 },
    margin: { l: 58, r: 14, t: 10, b: 48 }, hovermode: 'closest', dragmode: narrow() ? false : 'zoom',
    legend: { orientation: 'h', y: 1.02, yanchor: 'bottom', x: 0, bgcolor: 'rgba(0,0,0,0)' }, showlegend: true,
    modebar: { bgcolor: 'rgba(0,0,0,0)', color: colour('muted'), activecolor: colour('ink') },
    hoverlabel: { bgcolor: colour('card'), bordercolor: colour('muted'), font: { color: colour('ink') } },
  });
  const scale = (text, more) => ({
    title: { text: plain(text), standoff: 8 }, gridcolor: colour('line'), linecolor: colour('muted'), zeroline: false, ticks: 'outside', tickcolor: colour('line'), automargin: true, ...more,
  });
  const CONFIG = { responsive: true, displayModeBar: narrow() ? false : 'hover', displaylogo: false, modeBarButtonsToRemove: ['select2d', 'lasso2d', 'autoScale2d'], toImageButtonOptions: { format: 'svg' } };
  const PLAIN = { ...CONFIG, displayModeBar: false };
  // Plotly reads a few tags in its texts; names of studies have none.
  function plain(text) { return String(text).replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;'); }

  const valueOf = (row, i) => (row.values[i] === null || row.values[i] === undefined ? null : row.values[i] / axes[i].divisor);
  const isTrade = () => goals.length === 2 && goals.includes(state.x) && goals.includes(state.y) && state.x !== state.y;

  // The ends of a space may be so far away that a front would be a dot.
  function near(value, i) {
    const known = rows.map((row) => row.values[i]);
    const [least, most] = [Math.min(...known), Math.max(...known)];
    return value >= least - (most - least) && value <= most + (most - least);
  }

  function frontTraces(shown) {
    const kind = shown.length > 4000 ? 'scattergl' : 'scatter';
    const traces = [];
    data.studies.forEach((study, s) => {
      const own = shown.filter((row) => row.s === s);
      const best = own.filter((row) => row.front).sort((a, b) => a.values[state.x] - b.values[state.x]);
      const name = several ? plain(names[s]) : '';
      const common = { x: [], y: [], mode: 'markers', type: kind, hoverinfo: 'none', legendgroup: String(s) };
      const fill = (trace, list) => ({
        ...trace, x: list.map((row) => valueOf(row, state.x)), y: list.map((row) => valueOf(row, state.y)), customdata: list.map((row) => rows.indexOf(row)),
      });
      const rest = own.filter((row) => !row.front);
      traces.push(fill({
        ...common, name: `${name} evaluated (${own.length})`.trim(), marker: { symbol: `${SYMBOLS[s % 6]}-open`, size: 7, color: ofStudy(s), opacity: 0.55, line: { width: 1.2 } },
      }, rest));
      const line = isTrade() ? { mode: 'lines+markers', line: { shape: axes[state.x].way === 'max' ? 'vh' : 'hv', dash: DASHES[s % 6], width: 2, color: ofStudy(s) } } : {};
      traces.push(fill({
        ...common, ...line, name: `${name} front (${best.length})`.trim(), marker: { symbol: SYMBOLS[s % 6], size: 11, color: ofStudy(s), line: { color: colour('card'), width: 1.5 } },
      }, best));
    });
    const known = data.references.map((point) => [point, point.values[axes[state.x].name], point.values[axes[state.y].name]]);
    const whole = known.filter(([, x, y]) => x !== undefined && y !== undefined);
    if (whole.length) {
      traces.push({
        x: whole.map(([, x]) => x / axes[state.x].divisor), y: whole.map(([,, y]) => y / axes[state.y].divisor), text: whole.map(([point]) => plain(point.name)), name: 'reference', mode: 'markers+text',
        textposition: 'top center', textfont: { size: 12 }, type: 'scatter', hoverinfo: 'text', cliponaxis: false, marker: { symbol: 'star', size: 14, color: colour('ink') },
      });
    }
    const edge = { width: 1.2, dash: 'dot', color: colour('muted') };
    const shapes = []; const annotations = [];
    for (const [point, x, y] of known) {
      if ((x === undefined) === (y === undefined)) continue;
      if (point.end && x !== undefined && !near(x, state.x)) continue;
      const value = x === undefined ? y / axes[state.y].divisor : x / axes[state.x].divisor;
      const note = { text: plain(point.name), showarrow: false, font: { size: 11, color: colour('muted') } };
      if (x === undefined) {
        shapes.push({ type: 'line', xref: 'paper', x0: 0, x1: 1, y0: value, y1: value, line: edge });
        annotations.push({ ...note, xref: 'paper', x: 1, xanchor: 'right', y: value, yanchor: 'bottom' });
      } else {
        shapes.push({ type: 'line', yref: 'paper', y0: 0, y1: 1, x0: value, x1: value, line: edge });
        annotations.push({ ...note, yref: 'paper', y: 0, yanchor: 'bottom', x: value, xanchor: 'right', textangle: -90 });
      }
    }
    return { traces, shapes, annotations };
  }

  async function drawFront(shown) {
    const { traces, shapes, annotations } = frontTraces(shown);
    const chart = $('front-chart');
    await Plotly.react(chart, traces, { ...base(), xaxis: scale(heading(axes[state.x])), yaxis: scale(heading(axes[state.y])), shapes, annotations }, CONFIG);
    if (!chart.dataset.ready) {
      const of = (event) => rows[event.points[0].customdata];
      chart.on('plotly_hover', (event) => { const row = of(event); if (row && !narrow()) tip(row, event.event); });
      chart.on('plotly_unhover', untip);
      chart.on('plotly_click', (event) => { const row = of(event); if (row) detail(row); });
      chart.dataset.ready = 'yes';
    }
    const trade = isTrade();
    $('front-note').textContent = `Of ${goals.map((i) => `${axes[i].label} (${axes[i].way === 'max' ? 'more' : 'less'} is better)`).join(', ')}. `
      + `Filled markers are the networks that no other one dominates${trade ? '' : ', in all objectives together'}. Hover over a marker for its network; a click shows all of it.`;
  }

  function drawReferences() {
    $('references').replaceChildren(...data.references.map((point) => h('li', {}, h('strong', {}, `${point.name}: `),
      Object.entries(point.values).filter(([name]) => at(name) >= 0 && (goals.includes(at(name)) || axes[at(name)].cost))
        .map(([name, value]) => `${axes[at(name)].label} ${amount(value, axes[at(name)])}`).join(', '))));
  }

  function drawGrowth() {
    const lines = data.studies.map((study, s) => ({ study, s })).filter(({ study }) => study.volume && study.volume.length);
    if (!lines.length) { $('growth').hidden = true; return; }
    $('growth-note').textContent = `The part of the box between the best and the worst values of generation 0${several ? ` of ${names[0]}` : ''} that the front dominates; above 1 where the front is better than all of generation 0.`;
    Plotly.react($('growth-chart'), lines.map(({ study, s }) => ({
      x: study.volume.map(([n]) => n), y: study.volume.map(([, volume]) => volume), name: plain(names[s]), type: 'scatter', mode: study.volume.length > 1 ? 'lines' : 'markers', line: { shape: 'hv', dash: DASHES[s % 6], width: 2.5, color: ofStudy(s) },
    })), { ...base(), showlegend: several, xaxis: scale('networks evaluated', { rangemode: 'tozero' }), yaxis: scale('hypervolume', { tickformat: '.3~g' }) }, PLAIN);
  }

  // ---- networks of the front, and what they share

  function drawWinners() {
    const drawn = data.studies.reduce((sum, study) => sum + study.winners.length, 0);
    const all = rows.filter((row) => row.front).length;
    $('winners-note').textContent = drawn < all ? `${drawn} of ${all}: the best of each objective, and others spread along the front.` : '';
    $('winners').hidden = !drawn;
    $('nets').replaceChildren(...data.studies.flatMap((study, s) => {
      if (!study.winners.length) return [];
      const cards = study.winners.map((net) => {
        const row = rows.find((other) => other.s === s && other.slot === net.slot);
        const best = net.best.map((name) => h('span', { className: 'badge' }, `best ${axes[at(name)].label}`));
        return h('button', { type: 'button', className: 'net', dataset: { slot: net.slot }, onclick: () => detail(row) },
          h('div', {}, h('strong', {}, `slot ${net.slot}`), ...best), drawing(row) || h('p', { className: 'muted small' }, study.drawings[net.slot].why),
          h('div', { className: 'small' }, [...new Set([...goals, 2, 3])].filter((i) => usable.includes(i)).map((i) => `${axes[i].label} ${amount(row.values[i], axes[i])}`).join(' · ')));
      });
      const step = (cards.length - 1) / (MOST_CARDS - 1);
      const kept = new Set(study.winners.flatMap((net, i) => (net.best.length ? [i] : [])));
      for (let i = 0; i < MOST_CARDS && kept.size < MOST_CARDS; i += 1) kept.add(Math.round(i * step));
      const first = cards.filter((_, i) => cards.length <= MOST_CARDS || kept.has(i));
      const rest = cards.filter((card) => !first.includes(card));
      return [several ? h('h3', {}, names[s]) : '', h('div', { className: 'nets' }, ...first), rest.length ? h('details', {}, h('summary', {}, `${rest.length} more`), h('div', { className: 'nets' }, ...rest)) : ''];
    }));
  }

  // Branches of parts, as in HRNet; or, where parts have no branches, the roles of all parts.
  function heats(study) {
    const flat = study.matrices.filter((table) => table.columns.length === 1);
    const parts = [...new Set(flat.flatMap((table) => table.rows))];
    const of = (table, grid, part) => (table.rows.includes(part) ? grid[table.rows.indexOf(part)][0] : null);
    const place = (name, i, table) => [name, study.strides.length === table.columns.length ? `1/${study.strides[i]}` : ''].filter(Boolean).join(' · ');
    const lone = { columns: parts, rows: flat.map((table) => [table.role, table.share, parts.map((part) => [of(table, table.front, part), of(table, table.all, part)])]) };
    return [
      ...study.matrices.filter((table) => table.columns.length > 1).map((table) => heat(
        table.share ? `${table.role}: share switched on` : `${table.role}: mean`, table.columns.map((name, i) => place(name, i, table)),
        table.rows.map((name, r) => [name, table.share, table.columns.map((_, c) => [table.front[r][c], table.all[r][c]])]), false)),
      ...(flat.length ? [heat('means', lone.columns, lone.rows, true)] : []),
    ];
  }

  // Rows are [name, whether values are shares, pairs of a value of the front and one of all].
  function heat(title_, columns_, rows_, apart) {
    const range = (list) => { const known = list.flatMap(([,, cells]) => cells.map(([value]) => value)).filter((value) => value !== null); return [Math.min(...known), Math.max(...known)]; };
    const whole_ = range(rows_);
    const text = (value, share) => (share ? `${Math.round(100 * value)} %` : String(Number(value.toPrecision(3))));
    return h('div', { className: apart ? 'wide' : '' }, h('h3', {}, title_), h('div', { className: 'scroll' }, h('table', { className: 'heat' },
      h('thead', {}, h('tr', {}, h('th', {}, ''), ...columns_.map((name) => h('th', {}, name)))),
      h('tbody', {}, ...rows_.map((row) => {
        const [least, most] = apart ? range([row]) : whole_;
        return h('tr', {}, h('th', {}, row[0]), ...row[2].map(([value, other]) => {
          if (value === null) return h('td', {}, '');
          const part = Math.round(12 + 46 * ((value - least) / (most - least || 1)));
          return h('td', { style: `background: color-mix(in srgb, var(--accent) ${part}%, var(--card))` }, text(value, row[1]), h('small', {}, `all ${text(other, row[1])}`));
        }));
      })))));
  }

  function drawPatterns() {
    const parts = data.studies.flatMap((study, s) => {
      if (!study.rows.some((row) => row[0] === 1)) return [];
      const best = study.rows.filter((row) => row[0] === 1).length;
      const found = [];
      if (several) found.push(h('h3', {}, names[s]));
      if (study.matrices && study.matrices.length) {
        found.push(h('p', { className: 'muted small' }, `Means over the ${best} networks of the front, and below over all ${study.rows.length} that were evaluated${study.matrices.some((table) => table.columns.length > 1) ? '; rows are parts of the network, columns its branches' : ''}.`),
          h('div', { className: 'two' }, ...heats(study)));
      }
      if (study.shared && study.shared.length) {
        found.push(h('details', {}, h('summary', {}, `${study.shared.length} choices that the front shares more than others do`), h('div', { className: 'scroll' }, h('table', {},
          h('thead', {}, h('tr', {}, ...['choice', 'value', 'of the front', 'of all'].map((name) => h('th', {}, name)))),
          h('tbody', {}, ...study.shared.map(([gene, value, here, there]) => h('tr', {}, h('td', {}, gene),
            h('td', {}, typeof value === 'boolean' ? (value ? 'on' : 'off') : String(value)), h('td', {}, `${Math.round(100 * here)} %`), h('td', {}, `${Math.round(100 * there)} %`))))))));
      }
      return found;
    });
    const ends = rows.filter((row) => row.front);
    $('common').hidden = !ends.length;
    const charts = ends.length ? [h('div', { className: 'two' }, h('div', { className: 'chart low', id: 'blocks-chart' }), usable.includes(3) ? h('div', { className: 'chart low', id: 'ratio-chart' }) : null)] : [];
    $('patterns').replaceChildren(...charts, ...parts);
    drawShapes();
  }

  function drawShapes() {
    if (!$('blocks-chart')) return;
    const x = costs[0] ?? defaultX;
    const each = (make) => data.studies.flatMap((study, s) => make(s, rows.filter((row) => row.s === s && row.front).sort((a, b) => a.values[x] - b.values[x])));
    const trace = (s, own, name, y, more) => ({
      x: own.map((row) => valueOf(row, x)), y: own.map(y), text: own.map((row) => `slot ${row.slot}`), hovertemplate: '%{text}: %{y}<extra></extra>', type: 'scatter', mode: 'markers', name: several ? `${plain(names[s])}: ${name}` : name, ...more,
    });
    Plotly.react($('blocks-chart'), each((s, own) => [
      trace(s, own, 'blocks', (row) => row.values[2], { marker: { symbol: SYMBOLS[s % 6], size: 9, color: ofStudy(s) } }),
      ...(usable.includes(3) ? [trace(s, own, 'fusions', (row) => row.values[3], { marker: { symbol: `${SYMBOLS[s % 6]}-open`, size: 9, color: ofStudy(s), line: { width: 2 } } })] : []),
    ]), { ...base(), xaxis: scale(heading(axes[x])), yaxis: scale('number in the network', { rangemode: 'tozero' }) }, PLAIN);
    if (!$('ratio-chart')) return;
    Plotly.react($('ratio-chart'), each((s, own) => [trace(s, own, 'fusions per block', (row) => row.values[3] / row.values[2], { marker: { symbol: SYMBOLS[s % 6], size: 9, color: ofStudy(s) } })]),
      { ...base(), xaxis: scale(heading(axes[x])), yaxis: scale('fusions per block', { rangemode: 'tozero' }) }, PLAIN);
  }

  // ---- the table

  function conditions(text) {
    const tests = []; let unknown = '';
    for (const word of text.split(/\s+/).filter(Boolean)) {
      const match = word.match(/^(.+?)(<=|>=|!=|<|>|=)(-?[\d.]+(?:e[-+]?\d+)?)([A-Za-z]*)$/i);
      const i = match ? usable.find((index) => axes[index].name === match[1] || axes[index].label === match[1]) : undefined;
      if (match && i !== undefined && (match[4] === '' || SCALES[match[4]])) {
        const bound = Number(match[3]) * (SCALES[match[4]] || 1);
        const test = { '<': (v) => v < bound, '>': (v) => v > bound, '<=': (v) => v <= bound, '>=': (v) => v >= bound, '=': (v) => v === bound, '!=': (v) => v !== bound }[match[2]];
        tests.push((row) => row.values[i] !== null && row.values[i] !== undefined && test(row.values[i]));
      } else unknown = unknown || word;
    }
    return { tests, unknown };
  }

  let limit = PAGE_ROWS;
  function chosen() {
    const { tests, unknown } = conditions(state.filter);
    const list = rows.filter((row) => (!state.front || row.front) && (state.study === '' || row.s === Number(state.study)) && tests.every((test) => test(row)));
    if (state.sort !== null) {
      const sign = state.down ? -1 : 1;
      const key = (row) => (state.sort < 0 ? (state.sort === -1 ? Number(row.front) : row.s) : row.values[state.sort] ?? -Infinity);
      list.sort((a, b) => sign * (key(a) - key(b)) || a.s - b.s || a.slot - b.slot);
    }
    return { list, unknown };
  }

  // What is searched for comes first: on a phone no more is seen at once.
  const columns = () => [...new Set([0, ...goals, ...usable])].filter((i) => usable.includes(i) && !state.hidden.includes(i));
  function drawTable({ list, unknown }) {
    const head = (name, key) => h('th', { scope: 'col', className: key === -2 ? 'text' : '', aria: { sort: state.sort === key ? (state.down ? 'descending' : 'ascending') : 'none' } },
      h('button', { type: 'button', onclick: () => { state.down = state.sort === key ? !state.down : (axes[key]?.way === 'max' || key === -1); state.sort = key; refresh(); } }, name));
    $('table').tHead.replaceChildren(h('tr', {}, head('front', -1), several ? head('study', -2) : null, ...columns().map((i) => head(heading(axes[i]), i))));
    $('table').tBodies[0].replaceChildren(...list.slice(0, limit).map((row) => h('tr', { className: row.front ? 'front' : '', tabIndex: 0, dataset: { slot: row.slot }, onclick: () => detail(row), onkeydown: (event) => { if (event.key === 'Enter') detail(row); } },
      h('td', {}, row.front ? '★' : ''), several ? h('td', { className: 'text' }, names[row.s]) : null, ...columns().map((i) => h('td', {}, number(row.values[i], axes[i]))))));
    $('more').hidden = list.length <= limit;
    $('count').textContent = unknown ? `“${unknown}” is no condition: a name, one of < > <= >= = !=, and a number, such as macs<120M` : `${list.length} of ${rows.length} networks`;
    return list;
  }

  function save(list) {
    const cell = (value) => (/[",\n]/.test(value) ? `"${value.replace(/"/g, '""')}"` : value);
    const lines = [['study', 'front', ...usable.map((i) => axes[i].name)], ...list.map((row) => [data.studies[row.s].name, row.front ? 1 : 0, ...usable.map((i) => row.values[i] ?? '')])];
    const link = h('a', { href: URL.createObjectURL(new Blob([lines.map((line) => line.map((value) => cell(String(value))).join(',')).join('\n') + '\n'], { type: 'text/csv' })), download: 'networks.csv' });
    link.click();
    URL.revokeObjectURL(link.href);
  }

  function refresh() {
    keep();
    const found = chosen();
    drawTable(found);
    return drawFront(found.list);
  }

  // ---- once

  function drawHead() {
    if (shared) $('title').textContent = `${whole[0].slice(0, shared - 1)}: ${names.join(', ')}`;
    const running = data.studies.reduce((sum, study) => sum + study.running, 0);
    const best = (i) => rows.filter((row) => row.s === 0).map((row) => row.values[i]).reduce((a, b) => (axes[i].way === 'max' ? Math.max(a, b) : Math.min(a, b)), axes[i].way === 'max' ? -Infinity : Infinity);
    const first = data.studies[0];
    const tiles = [
      ['networks evaluated', String(rows.length)], ['on the front', String(first.rows.filter((row) => row[0] === 1).length)],
      ...(first.rows.length ? goals.map((i) => [`${axes[i].way === 'max' ? 'highest' : 'lowest'} ${axes[i].label}`, amount(best(i), axes[i])]) : []),
      ...(first.volume && first.volume.length ? [['hypervolume', String(Number(first.volume.at(-1)[1].toPrecision(4)))]] : []),
    ];
    $('tiles').replaceChildren(...tiles.map(([name, value]) => h('div', { className: 'tile' }, h('span', { className: 'muted small' }, name), h('b', {}, value))));
    const algorithms = data.studies.map((study) => study.algorithm.replaceAll('_', ' ')).filter(Boolean);
    $('about').textContent = [algorithms.join(' and '), running ? `${running} evaluations running` : '', data.live ? `written again every ${data.live} s` : ''].filter(Boolean).join(' · ');
    for (const study of data.studies.filter((other) => other.apart)) {
      $('about').append(h('br'), `${study.name} was made otherwise, its scores may not be comparable: ${study.apart}`);
    }
    if (data.studies.some((study) => study.rows.length && !study.genes.length)) {
      $('about').append(h('br'), 'The space is of a family that is not known here, so choices are not shown: make the page with --import MODULE.');
    }
  }

  function drawSettings() {
    $('plans').replaceChildren(...data.studies.map((study) => h('div', {}, h('h3', {}, study.name), h('dl', {},
      ...[['algorithm', study.algorithm], ['storage', study.storage], ...Object.entries(study.settings).filter(([, value]) => value === null || typeof value !== 'object')]
        .flatMap(([name, value]) => [h('dt', {}, name), h('dd', {}, value === null ? '–' : String(value))])),
    ...Object.entries(study.settings).filter(([, value]) => value !== null && typeof value === 'object')
      .map(([name, value]) => h('details', {}, h('summary', {}, name), h('pre', {}, JSON.stringify(value, null, 1)))))));
    $('versions').textContent = `Made by scalenas report: ${Object.entries(data.versions).map(([name, number_]) => `${name} ${number_}`).join(', ')}.`;
  }

  function controls() {
    for (const axis of ['x', 'y']) {
      $(axis).replaceChildren(...usable.map((i) => h('option', { value: i, selected: i === state[axis] }, heading(axes[i]))));
      $(axis).onchange = () => { state[axis] = Number($(axis).value); refresh(); };
    }
    $('of-study').hidden = !several;
    $('study').replaceChildren(h('option', { value: '' }, 'all'), ...data.studies.map((study, s) => h('option', { value: s }, names[s])));
    if (state.study !== '' && Number(state.study) >= data.studies.length) state.study = '';
    $('study').value = state.study;
    const example = [[costs[0], '<'], [metrics[0], '>']].filter(([i]) => i !== undefined && rows.length).map(([i, sign]) => {
      const middle = rows.map((row) => row.values[i]).sort((a, b) => a - b)[rows.length >> 1];
      return `${axes[i].name}${sign}${SCALES[axes[i].unit] ? Number((middle / axes[i].divisor).toPrecision(3)) + axes[i].unit : Number(middle.toPrecision(3))}`;
    });
    $('filter').placeholder = ['filter', ...example.slice(0, 1).map(() => `such as ${example.join(' ')}`)].join(', ');
    $('filter').value = state.filter;
    $('only-front').checked = state.front;
    $('study').onchange = () => { state.study = $('study').value; limit = PAGE_ROWS; refresh(); };
    $('filter').oninput = () => { state.filter = $('filter').value; limit = PAGE_ROWS; refresh(); };
    $('only-front').onchange = () => { state.front = $('only-front').checked; limit = PAGE_ROWS; refresh(); };
    $('more').onclick = () => { limit += 5 * PAGE_ROWS; drawTable(chosen()); };
    $('csv').onclick = () => save(chosen().list);
    // Metrics of single classes may be many: what is searched for, and a few more, is shown first.
    if (!state.chosen) state.hidden = usable.filter((i) => !axes[i].fixed && !goals.includes(i) && !axes[i].cost).slice(4);
    $('columns').replaceChildren(...usable.map((i) => h('label', {}, h('input', {
      type: 'checkbox', checked: !state.hidden.includes(i), onchange: (event) => { state.chosen = true; state.hidden = event.target.checked ? state.hidden.filter((j) => j !== i) : [...state.hidden, i]; refresh(); },
    }), axes[i].label)));
    const again = () => { themed(); drawFront(chosen().list); drawGrowth(); drawShapes(); };
    $('theme').onclick = () => { state.theme = themed() === 'dark' ? 'light' : 'dark'; keep(); again(); };
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', again);
    addEventListener('scroll', untip, { passive: true });
  }

  drawHead(); controls(); drawReferences(); drawWinners(); drawGrowth(); drawPatterns(); drawSettings();
  const ready = refresh();
  if (data.live) {
    scrollTo(0, state.top);
    setInterval(() => {
      if (document.hidden || $('detail').open || document.activeElement === $('filter')) return;
      state.top = scrollY; keep(); location.reload();
    }, 1000 * data.live);
  }
  return ready;
}

(async () => {
  try {
    const [data, plotly] = await Promise.all([unpacked('data'), unpacked('plotly')]);
    document.head.append(h('script', { textContent: plotly }));
    await start(JSON.parse(data));
    document.documentElement.dataset.ready = 'yes';
  } catch (error) {
    $('problem').textContent = `This page cannot be shown: ${error.message}`;
    throw error;
  }
})();
