// Copyright the zcbot sandbox worker authors. SPDX-License-Identifier: Apache-2.0
// A table of any length: only the rows that can be seen are in the document.
import {make, setClass, setText} from './format.js';

const ROW = 28;
const LINE = 20;
const SPARE = 6;
const NARROW = 960;
const COMPACT = 760;

export class Table {
  // columns: {title, width, value(row): what it is sorted by, text(row, now), style(row, now)};
  // in the compact form, the column with `lead` has options.lines of its own, and those with `small`, their width, are below
  constructor(columns, options) {
    this.columns = columns;
    this.options = options;
    this.rows = [];
    this.pool = [];
    this.selected = null;
    this.sort = options.sort;
    this.element = make('div', 'table');
    this.element.setAttribute('role', 'table');
    this.head = make('div', 'head');
    this.head.setAttribute('role', 'row');
    this.titles = columns.map((column, i) => {
      const title = make('button', '', column.title);
      title.type = 'button';
      title.setAttribute('role', 'columnheader');
      title.addEventListener('click', () => this.sortBy(i));
      this.head.append(title);
      return title;
    });
    this.scroll = make('div', 'scroll');
    this.scroll.tabIndex = 0;
    this.scroll.setAttribute('role', 'rowgroup');
    this.spacer = make('div', 'spacer');
    this.nothing = make('p', 'empty');
    this.scroll.append(this.spacer, this.nothing);
    this.scroll.addEventListener('scroll', () => this.later(), {passive: true});
    this.element.append(this.head, this.scroll);
    new ResizeObserver(() => this.fit()).observe(this.scroll);
    this.fit();
    this.showSort();
  }

  // Where there is little room, columns that are optional are left out. Where there is less, a row has several lines.
  fit() {
    const width = this.scroll.clientWidth;
    const narrow = width > 0 && width < NARROW;
    this.compact = width > 0 && width < COMPACT;
    this.isShown = column => (this.compact ? column.lead || column.small : !(narrow && column.optional));
    this.template = this.columns.filter(column => this.isShown(column) && !(this.compact && column.lead))
      .map(column => (this.compact ? column.small : column.width)).join(' ');
    const lines = this.options.lines || 1;
    this.rowHeight = this.compact ? (lines + 1) * LINE + 12 : ROW;
    setClass(this.element, this.compact ? 'table compact' + (lines > 1 ? ' long' : '') : 'table');
    this.lay(this.head, this.titles);
    this.pool.forEach(slot => {
      slot.index = -1; // its place depends on the height of rows
      this.lay(slot.element, slot.cells);
    });
    this.reserve();
    this.later();
  }

  lay(line, cells) {
    line.style.gridTemplateColumns = this.template;
    cells.forEach((cell, i) => {
      const column = this.columns[i];
      cell.hidden = !this.isShown(column);
      cell.style.gridRow = this.compact ? (column.lead ? '1' : '2') : '';
      cell.style.gridColumn = this.compact && column.lead ? '1 / -1' : '';
      cell.toggleAttribute('data-lead', Boolean(this.compact && column.lead));
    });
  }

  reserve() {
    this.spacer.style.height = this.rows.length * this.rowHeight + 'px';
  }

  sortBy(i) {
    this.sort = {column: i, down: this.sort.column === i ? !this.sort.down : true};
    this.showSort();
    this.set(this.rows);
  }

  showSort() {
    this.titles.forEach((title, i) => {
      const is = i === this.sort.column;
      setClass(title, is ? 'sorted' : '');
      setText(title, this.columns[i].title + (is ? (this.sort.down ? ' ↓' : ' ↑') : ''));
      title.setAttribute('aria-sort', is ? (this.sort.down ? 'descending' : 'ascending') : 'none');
    });
  }

  // The rows to show from now on. Rows that are equal keep their order.
  set(rows) {
    const value = this.columns[this.sort.column].value;
    const sign = this.sort.down ? -1 : 1;
    const keyed = rows.map(row => [value(row), row]);
    keyed.sort((a, b) => (a[0] < b[0] ? -sign : a[0] > b[0] ? sign : a[1].key < b[1].key ? -1 : 1));
    this.rows = keyed.map(pair => pair[1]);
    this.reserve();
    this.element.setAttribute('aria-rowcount', this.rows.length);
    this.later();
  }

  later() {
    if (!this.pending) {
      this.pending = true;
      requestAnimationFrame(() => {
        this.pending = false;
        this.render();
      });
    }
  }

  render() {
    const now = this.options.now();
    setText(this.nothing, this.rows.length ? '' : this.options.empty());
    const first = Math.max(0, Math.floor(this.scroll.scrollTop / this.rowHeight) - SPARE);
    const last = Math.min(this.rows.length, first + Math.ceil(this.scroll.clientHeight / this.rowHeight) + 2 * SPARE);
    for (let i = first; i < last; i++) this.fill(this.slot(i - first), this.rows[i], i, now);
    for (let i = last - first; i < this.pool.length; i++) this.pool[i].element.hidden = true;
  }

  slot(i) {
    let slot = this.pool[i];
    if (!slot) {
      const element = make('div', 'row');
      element.setAttribute('role', 'row');
      const cells = this.columns.map(() => make('span'));
      cells.forEach(cell => cell.setAttribute('role', 'cell'));
      element.append(...cells);
      this.lay(element, cells);
      slot = {element, cells, row: null, index: -1};
      element.addEventListener('click', () => this.select(slot.index, true));
      this.pool[i] = slot;
      this.scroll.append(element);
    }
    return slot;
  }

  fill(slot, row, index, now) {
    slot.row = row;
    if (slot.index !== index) {
      slot.index = index;
      slot.element.style.transform = 'translateY(' + index * this.rowHeight + 'px)';
      slot.element.style.height = this.rowHeight + 'px';
      slot.element.setAttribute('aria-rowindex', index + 1);
    }
    slot.element.hidden = false;
    setClass(slot.element, row.key === this.selected ? 'row selected' : 'row');
    this.columns.forEach((column, i) => {
      const text = column.text(row, now);
      setText(slot.cells[i], text);
      setClass(slot.cells[i], column.style ? column.style(row, now) : '');
      if (slot.cells[i].title !== text) slot.cells[i].title = text;
    });
  }

  select(index, open) {
    const row = this.rows[index];
    if (!row) return;
    this.selected = row.key;
    const top = index * this.rowHeight;
    if (top < this.scroll.scrollTop) this.scroll.scrollTop = top;
    if (top + this.rowHeight > this.scroll.scrollTop + this.scroll.clientHeight) {
      this.scroll.scrollTop = top + this.rowHeight - this.scroll.clientHeight;
    }
    this.later();
    if (open) this.options.open(row);
  }

  move(by) {
    const at = this.rows.findIndex(row => row.key === this.selected);
    this.select(Math.min(this.rows.length - 1, Math.max(0, at < 0 ? 0 : at + by)), false);
  }

  openSelected() {
    const row = this.rows.find(each => each.key === this.selected) || this.rows[0];
    if (row) this.options.open(row);
  }
}
