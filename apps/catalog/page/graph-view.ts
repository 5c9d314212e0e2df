import { select } from 'd3-selection';
import { zoom, zoomIdentity, type ZoomTransform } from 'd3-zoom';
import type { GraphNode } from '../src/view/types';
import { count, h } from './dom';
import { type Box, type Route, SHOWN_COLUMNS, STEP } from './layout';
import { kindOf, pageOf } from './names';

export interface GraphActions {
  /** What the button on a node does, and its words; none without. */
  button: (node: GraphNode) => { words: string; title: string; press: () => void } | undefined;
}

/** Below this scale nobody reads: boxes are only drawn. */
const READABLE = 0.35;
/** Pixels from the rim at which something isn't in sight any more: its button would not be. */
const EDGE = 40;
/** Around what is in sight, in pixels of the graph, boxes are there already. */
const MARGIN = 300;

/**
 * The lineage as boxes and lines. However many there are: only those in sight are elements, lines are drawn on a canvas.
 * One box at a time takes part in the tab order; arrows go along the lineage.
 */
export class GraphView {
  readonly element: HTMLElement;
  private readonly canvas = h('canvas', { 'aria-hidden': 'true' });
  private readonly layer = h('div', { class: 'boxes' });
  private readonly behaviour = zoom<HTMLElement, unknown>().scaleExtent([0.02, 2]);
  private readonly elements = new Map<string, HTMLElement>();
  private boxes: Box[] = [];
  private byUrn = new Map<string, Box>();
  private edges: { from: Box; to: Box; points: Route['points'] }[] = [];
  private transform: ZoomTransform = zoomIdentity;
  private current = '';
  /** What belongs to the box that is looked at. */
  private path: ReadonlySet<string> = new Set();
  private isDrawing = false;
  /** The page's, read once a scheme: asking for them makes the browser work out all styles. */
  private colours?: { isDark: boolean; edge: string; lit: string; box: string };

  constructor(private readonly actions: GraphActions) {
    this.element = h(
      'div',
      {
        class: 'graph',
        role: 'group',
        'aria-label': 'Lineage graph. Arrow keys go along it, Enter opens, plus and minus zoom, 0 shows all.',
        keydown: (event) => this.key(event as KeyboardEvent),
        pointerover: (event) =>
          this.look((event.target as Element).closest<HTMLElement>('.box')?.dataset.urn),
        pointerleave: () => this.look(undefined),
        focusin: (event) => this.look((event.target as Element).closest<HTMLElement>('.box')?.dataset.urn),
      },
      this.canvas,
      this.layer,
    );
    select(this.element)
      .call(
        this.behaviour
          .on('start', () => this.element.classList.add('moving'))
          .on('end', () => this.element.classList.remove('moving'))
          .on('zoom', ({ transform }: { transform: ZoomTransform }) => this.move(transform)),
      )
      .on('dblclick.zoom', null);
    new ResizeObserver(() => this.draw()).observe(this.element);
  }

  /** @param root the box that is first in the tab order @param keep a box that stays where it is on the screen */
  show(boxes: Box[], routes: readonly Route[], root: string, keep?: string): void {
    const before = keep === undefined ? undefined : this.byUrn.get(keep);
    this.boxes = boxes;
    this.byUrn = new Map(boxes.map((box) => [box.node.urn, box]));
    this.edges = routes.flatMap(({ from, to, points }) => {
      const [a, b] = [this.byUrn.get(from), this.byUrn.get(to)];
      return a && b ? [{ from: a, to: b, points }] : [];
    });
    for (const element of this.elements.values()) element.remove();
    this.elements.clear();
    const after = keep === undefined ? undefined : this.byUrn.get(keep);
    this.current = after ? keep! : root;
    if (before && after) {
      const { k, x, y } = this.transform;
      this.set(zoomIdentity.translate(x + (before.x - after.x) * k, y + (before.y - after.y) * k).scale(k));
    } else this.begin(root);
    this.draw();
  }

  fit(): void {
    const { width, height } = this.size();
    const [w, hgt] = [
      Math.max(...this.boxes.map((b) => b.x + b.width)),
      Math.max(...this.boxes.map((b) => b.y + b.height)),
    ];
    const k = Math.min(1, width / (w + 40), height / (hgt + 40));
    this.set(zoomIdentity.translate((width - w * k) / 2, (height - hgt * k) / 2).scale(k));
  }

  scale(by: number): void {
    this.behaviour.scaleBy(select(this.element), by);
  }

  /** @param beside steps to the right, or to the left, that are in sight too */
  focusOn(urn: string, beside = 0): void {
    const box = this.byUrn.get(urn);
    if (!box) return;
    this.current = urn;
    const more = Math.abs(beside) * STEP;
    this.centre({
      x: box.x + Math.min(0, beside) * STEP,
      y: box.y,
      width: box.width + more,
      height: box.height,
    });
    this.paint();
    this.elements.get(urn)?.querySelector('a')?.focus({ preventScroll: true });
  }

  /** All of it where it can be read, else the root in the middle. */
  private begin(root: string): void {
    this.fit();
    const box = this.byUrn.get(root);
    if (box && this.transform.k < 0.6) this.middle(box, 0.8);
  }

  private size(): { width: number; height: number } {
    return { width: this.element.clientWidth || 800, height: this.element.clientHeight || 500 };
  }

  private set(transform: ZoomTransform): void {
    select(this.element).call(this.behaviour.transform, transform);
  }

  /** Moves a part of the graph into sight, if it isn't. */
  private centre(part: Pick<Box, 'x' | 'y' | 'width' | 'height'>): void {
    const { width, height } = this.size();
    const [left, top] = this.transform.apply([part.x, part.y]);
    const [right, bottom] = this.transform.apply([part.x + part.width, part.y + part.height]);
    const isReadable = this.transform.k >= READABLE;
    const isInside = left > EDGE && top > EDGE && right < width - EDGE && bottom < height - EDGE;
    if (!isReadable || !isInside) this.middle(part, isReadable ? this.transform.k : 0.8);
  }

  private middle(
    { x, y, width: w, height: hgt }: Pick<Box, 'x' | 'y' | 'width' | 'height'>,
    k: number,
  ): void {
    const { width, height } = this.size();
    this.set(zoomIdentity.translate(width / 2 - (x + w / 2) * k, height / 2 - (y + hgt / 2) * k).scale(k));
  }

  private move(transform: ZoomTransform): void {
    this.transform = transform;
    this.draw();
  }

  private draw(): void {
    if (this.isDrawing) return;
    this.isDrawing = true;
    requestAnimationFrame(() => {
      this.isDrawing = false;
      this.paint();
    });
  }

  private paint(): void {
    // Without a place it has no size and no colours.
    if (!this.element.isConnected) return;
    const { x, y, k } = this.transform;
    const { width, height } = this.size();
    this.layer.style.transform = `translate(${x}px, ${y}px) scale(${k})`;
    const sight = {
      left: -x / k - MARGIN,
      top: -y / k - MARGIN,
      right: (width - x) / k + MARGIN,
      bottom: (height - y) / k + MARGIN,
    };
    const isSeen = (box: Box): boolean =>
      box.x < sight.right &&
      box.x + box.width > sight.left &&
      box.y < sight.bottom &&
      box.y + box.height > sight.top;
    const wanted = k < READABLE ? [] : this.boxes.filter(isSeen);
    const current = this.byUrn.get(this.current);
    if (current && !wanted.includes(current)) wanted.push(current);
    const urns = new Set(wanted.map(({ node }) => node.urn));
    for (const [urn, element] of this.elements)
      if (!urns.has(urn) && !element.contains(document.activeElement)) {
        element.remove();
        this.elements.delete(urn);
      }
    for (const box of wanted) {
      const element = this.elements.get(box.node.urn) ?? this.build(box);
      element.querySelector('a')!.tabIndex = box.node.urn === this.current ? 0 : -1;
    }
    this.lines(width, height, sight, k < READABLE);
  }

  private lines(
    width: number,
    height: number,
    sight: { left: number; top: number; right: number; bottom: number },
    withBoxes: boolean,
  ): void {
    const ratio = devicePixelRatio || 1;
    if (this.canvas.width !== width * ratio || this.canvas.height !== height * ratio) {
      this.canvas.width = width * ratio;
      this.canvas.height = height * ratio;
    }
    const context = this.canvas.getContext('2d')!;
    const { x, y, k } = this.transform;
    const { edge, lit, box: plain } = this.readColours();
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    context.setTransform(k * ratio, 0, 0, k * ratio, x * ratio, y * ratio);
    for (const isLit of [false, true]) {
      context.beginPath();
      for (const { from, to, points } of this.edges) {
        if ((this.path.has(from.node.urn) && this.path.has(to.node.urn)) !== isLit) continue;
        const [first, last] = [points[0], points.at(-1)];
        if (!first || !last) continue;
        if (Math.max(first.x, last.x) < sight.left || Math.min(first.x, last.x) > sight.right) continue;
        const heights = points.map((point) => point.y);
        if (Math.max(...heights) < sight.top || Math.min(...heights) > sight.bottom) continue;
        context.moveTo(first.x, first.y);
        points.slice(1).forEach((point, i) => {
          const before = points[i]!;
          const middle = (before.x + point.x) / 2;
          context.bezierCurveTo(middle, before.y, middle, point.y, point.x, point.y);
        });
      }
      context.strokeStyle = isLit ? lit : edge;
      context.lineWidth = (isLit ? 2 : 1.2) / Math.max(k, 0.5);
      context.stroke();
    }
    if (!withBoxes) return;
    for (const { node, x: left, y: top, width: w, height: hgt } of this.boxes) {
      context.fillStyle = node.degree === 0 || this.path.has(node.urn) ? lit : plain;
      context.fillRect(left, top, w, hgt);
    }
  }

  private readColours(): NonNullable<GraphView['colours']> {
    const isDark = matchMedia('(prefers-color-scheme: dark)').matches;
    if (this.colours?.isDark === isDark) return this.colours;
    const style = getComputedStyle(this.element);
    const [edge, lit, box] = ['--edge', '--accent', '--muted'].map((name) => style.getPropertyValue(name));
    return (this.colours = { isDark, edge: edge!, lit: lit!, box: box! });
  }

  private build({ node, x, y, width, height }: Box): HTMLElement {
    const kind = kindOf(node);
    const far = Math.abs(node.degree);
    const where =
      far === 0 ? 'where this began' : `${count(far, 'step')} ${node.degree < 0 ? 'upstream' : 'downstream'}`;
    const possible = node.isPossible ? ', reads the table, its columns aren’t known' : '';
    const action = this.actions.button(node);
    const more = node.columns.length - SHOWN_COLUMNS;
    const element = h(
      'div',
      {
        class: `box ${far === 0 ? 'root' : ''} ${node.isPossible ? 'possible' : ''}`,
        style: `left:${x}px;top:${y}px;width:${width}px;height:${height}px`,
        'data-urn': node.urn,
      },
      h(
        'a',
        {
          href: pageOf(node.urn, { tab: 'lineage' }),
          title: `${node.name}\n${node.urn}`,
        },
        h('span', { class: 'name' }, node.name),
        h('span', { class: 'kind' }, kind),
        h('span', { class: 'unseen' }, `, ${where}${possible}`),
        ...node.columns.slice(0, SHOWN_COLUMNS).map((column) => h('code', {}, column)),
        more > 0 && h('span', { class: 'kind' }, `${more} more`),
      ),
      action &&
        h(
          'button',
          {
            class: node.degree < 0 ? 'left' : 'right',
            title: action.title,
            'aria-label': `${action.title}: ${node.name}`,
            tabindex: -1,
            click: action.press,
          },
          action.words,
        ),
    );
    this.elements.set(node.urn, element);
    this.layer.append(element);
    return element;
  }

  /** Lights up what leads to a box, and what comes of it. */
  private look(urn: string | undefined): void {
    const path = new Set<string>();
    for (const [near, far] of [
      ['from', 'to'],
      ['to', 'from'],
    ] as const) {
      const next = new Map<string, string[]>();
      if (urn)
        for (const edge of this.edges) {
          const key = edge[near].node.urn;
          next.set(key, [...(next.get(key) ?? []), edge[far].node.urn]);
        }
      const seen = new Set(urn ? [urn] : []);
      for (const one of seen) for (const other of next.get(one) ?? []) seen.add(other);
      for (const one of seen) path.add(one);
    }
    if (path.size === this.path.size && [...path].every((one) => this.path.has(one))) return;
    this.path = path;
    this.draw();
  }

  private key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const act = {
      '+': () => this.scale(1.25),
      '=': () => this.scale(1.25),
      '-': () => this.scale(0.8),
      '0': () => this.fit(),
      ArrowRight: () => this.step('from', 'to'),
      ArrowLeft: () => this.step('to', 'from'),
      ArrowDown: () => this.beside(1),
      ArrowUp: () => this.beside(-1),
      ' ': () => this.actions.button(this.byUrn.get(this.current)!.node)?.press(),
    }[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  }

  /** To the neighbour that is nearest in height. */
  private step(near: 'from' | 'to', far: 'from' | 'to'): void {
    const here = this.byUrn.get(this.current);
    if (!here) return;
    const next = this.edges.filter((edge) => edge[near] === here).map((edge) => edge[far]);
    next.sort((a, b) => Math.abs(a.y - here.y) - Math.abs(b.y - here.y));
    if (next[0]) this.focusOn(next[0].node.urn);
  }

  private beside(step: 1 | -1): void {
    const here = this.byUrn.get(this.current);
    if (!here) return;
    const level = this.boxes.filter(
      (box) => Math.abs(box.x - here.x) < here.width && (box.y - here.y) * step > 0,
    );
    level.sort((a, b) => Math.abs(a.y - here.y) - Math.abs(b.y - here.y));
    if (level[0]) this.focusOn(level[0].node.urn);
  }
}
