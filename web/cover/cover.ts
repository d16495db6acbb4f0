import { type Motif, type Part, type SignName, signs, type ThingName, things } from './motifs.ts';
import { type Inks, prints, printsByWord } from './palette.ts';

export type Covered = { id: string; name: string; category: string };

/** A path in a box of 80 by 100, with its place and its colour. */
export type Stroke = { path: string; fill: string; transform?: string };
/** `label` is how many a set holds, written on the cover; `inks` are its colours. */
export type Cover = { strokes: readonly Stroke[]; label: string | undefined; inks: Inks };

/**
 * Draws a product without a photograph as a two-ink print: what it is, large and in ink; what it is about, small and in
 * a lively colour; how many, as often as the set holds; the colour word of the name as the ground. A pure function of
 * the product, so that it is the same cover on every page and in every browser.
 */
export const coverOf = ({ id, name, category }: Covered): Cover => {
  const words = wordsOf(name);
  const chance = chancesFrom(`${id} ${name}`);
  const inks = inksOf(words, chance);
  const count = setSizeOf(name);
  const thing = thingOf(words, category, chance);
  const sign = signOf(words);
  const strokes: Stroke[] = [
    { path: 'M0 0h80v100h-80z', fill: inks.ground },
    ...backdrop(words, inks, chance),
    ...(thing === undefined ? [] : arranged(withSign(thing, sign), count, inks, chance)),
    ...(sign !== undefined && (thing === undefined || (count === 1 && sign !== 'spot' && !(thing in faces)))
      ? signed(signs[sign], thing === undefined, inks, chance)
      : []),
  ];
  return { strokes, label: count > 1 ? String(count) : undefined, inks };
};

const wordsOf = (text: string): string[] => text.toLowerCase().match(/[a-z][a-z-]*/g) ?? [];

/** Numbers from 0 up to 1, always the same ones for the same text (FNV-1a, then xorshift). */
const chancesFrom = (text: string): (() => number) => {
  let state = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) state = Math.imul(state ^ text.charCodeAt(at), 0x01000193);
  state = state === 0 ? 1 : state;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 4294967296;
  };
};

const oneOf = <T>(list: readonly T[], chance: () => number): T =>
  list[Math.floor(chance() * list.length)] as T;

const inksOf = (words: readonly string[], chance: () => number): Inks => {
  const drawn = oneOf(prints, chance);
  const named = words.map((word) => printsByWord[word]).find((inks) => inks !== undefined);
  return named ?? drawn;
};

/** The number of pieces that a name such as `Set of 6 t-lights` or `Pack of 12 pencils` states; else 1. */
export const setSizeOf = (name: string): number => {
  const [, stated] = /\b(?:set|pack|box|s)\s*(?:of|\/)?\s*(\d{1,3})\b/i.exec(name) ?? [];
  const size = Number(stated ?? 1);
  return size >= 2 && size <= 100 ? size : 1;
};

const thingWords: readonly (readonly [ThingName, string])[] = [
  ['cakestand', 'cakestand cakestands'],
  ['bunting', 'bunting garland garlands streamers'],
  ['bulbs', 'lights bulbs'],
  ['tlight', 't-light t-lights tlight tlights votive votives'],
  ['lantern', 'lantern lanterns'],
  ['candle', 'candle candles candlestick incense candleholder chandelier'],
  ['lamp', 'lamp lampshade light led nightlight'],
  ['clock', 'clock clocks'],
  ['frame', 'frame frames mirror photo picture'],
  ['cushion', 'cushion cushions quilt throw pillow blanket'],
  ['rug', 'doormat rug mat towel'],
  ['hook', 'hook hooks hanger knob knobs rack'],
  ['sign', 'sign signs plaque blackboard chalkboard'],
  ['drawers', 'drawer drawers cabinet chest shelf'],
  ['basket', 'basket baskets'],
  ['teapot', 'teapot tea'],
  ['cup', 'cup cups teacup saucer saucers egg-cup eggcup coffee'],
  ['mug', 'mug mugs beaker tumbler'],
  ['bottle', 'bottle bottles decanter jug perfume'],
  ['jar', 'jar jars'],
  ['tin', 'tin tins canister biscuit'],
  ['lunchbag', 'lunch'],
  ['bowl', 'bowl bowls dish mould jelly'],
  ['plate', 'plate plates tray coaster coasters placemat placemats'],
  ['spoon', 'spoon spoons cutlery fork knife'],
  ['cake', 'cake cakes cupcake muffin baking cases pudding'],
  ['pan', 'pan pans frying pot'],
  ['apron', 'apron oven glove'],
  ['gift', 'gift wrap present'],
  ['bow', 'ribbon ribbons bow hair hairband'],
  ['card', 'card cards postcard envelope letter letters'],
  ['notebook', 'notebook book journal diary sketchbook calendar recipe'],
  ['pencil', 'pencil pencils pen pens crayons rubber eraser chalk'],
  ['scissors', 'sewing knitting craft scissors kit'],
  ['button', 'button buttons bead beads magnet magnets badge'],
  ['suitcase', 'luggage travel passport suitcase'],
  ['purse', 'purse purses wallet clutch handbag'],
  ['shopper', 'shopper recycled'],
  ['tote', 'jumbo bag bags rucksack'],
  ['umbrella', 'umbrella parasol'],
  ['necklace', 'necklace pendant necklaces'],
  ['earrings', 'earrings earring'],
  ['ring', 'ring rings brooch bracelet bangle'],
  ['bauble', 'bauble baubles'],
  ['egg', 'egg eggs easter'],
  ['pumpkin', 'pumpkin halloween'],
  ['pot', 'plant planter herb seeds flowerpot grow'],
  ['house', 'house birdhouse home shed cottage'],
  ['balloons', 'balloon balloons party'],
  ['wreath', 'wreath'],
  ['doll', 'doll dolls girl'],
  ['blocks', 'game games toy toys blocks puzzle jigsaw dominoes'],
  ['vase', 'vase flowers bouquet'],
  ['soap', 'soap bath bathroom flannel'],
  ['key', 'key keys keyring key-ring'],
  ['drawers', 'box boxes storage organiser'],
];

const thingsOfCategories: Readonly<Record<string, ThingName>> = {
  seasonal: 'bauble',
  'seasonal/easter': 'egg',
  'seasonal/halloween': 'pumpkin',
  jewellery: 'ring',
  'jewellery/necklaces': 'necklace',
  'jewellery/earrings': 'earrings',
  'jewellery/hair': 'bow',
  garden: 'pot',
  kitchen: 'bowl',
  'kitchen/baking': 'cake',
  'kitchen/mugs-and-cups': 'mug',
  'kitchen/tea-and-coffee': 'teapot',
  'kitchen/storage': 'jar',
  'kitchen/cookware': 'pan',
  living: 'ornament',
  home: 'ornament',
  'living/lighting': 'lamp',
  'living/candles': 'candle',
  'living/clocks': 'clock',
  'living/mirrors-and-frames': 'frame',
  'living/cushions-and-throws': 'cushion',
  'living/doormats-and-rugs': 'rug',
  'living/hooks-and-knobs': 'hook',
  'living/signs': 'sign',
  'living/storage': 'drawers',
  bath: 'soap',
  party: 'balloons',
  'party/bunting-and-garlands': 'bunting',
  paper: 'notebook',
  'paper/wrapping': 'gift',
  'paper/cards': 'card',
  craft: 'scissors',
  bags: 'tote',
  'bags/handbags-and-purses': 'purse',
  'bags/travel': 'suitcase',
  wear: 'umbrella',
  toys: 'blocks',
};

const rankOfWord = new Map<string, ThingName>(
  [...thingWords]
    .reverse()
    .flatMap(([thing, words]) => words.split(' ').map((word) => [word, thing] as const)),
);

/** Bags are many, and the word before `bag` says which one it is. */
const bagWords: ReadonlySet<string> = new Set(['lunch', 'shopper', 'purse', 'passport']);

/** For what nothing else is known of. */
const ornaments = ['ornament', 'vase', 'wreath', 'bow', 'button', 'house', 'basket'] as const;

/** The last noun of a name says what the thing is; what comes before describes it. */
const thingOf = (words: readonly string[], category: string, chance: () => number): ThingName | undefined => {
  const named = words.find((word) => bagWords.has(word)) ?? words.findLast((word) => rankOfWord.has(word));
  const [root = ''] = category.split('/');
  const ornament = oneOf(ornaments, chance);
  const thing =
    (named === undefined ? undefined : rankOfWord.get(named)) ??
    thingsOfCategories[category] ??
    (root === 'home' ? ornament : thingsOfCategories[root]) ??
    ornament;
  if (thing === undefined || (named === undefined && signOf(words) !== undefined)) return undefined;
  return thing;
};

const signWords: Readonly<Record<string, SignName>> = Object.fromEntries(
  (
    [
      ['heart', 'heart hearts love'],
      ['star', 'star stars'],
      ['rose', 'rose roses'],
      ['flower', 'flower flowers floral daisy blossom'],
      ['bird', 'bird birds dove swallow hen chicken cockerel'],
      ['butterfly', 'butterfly butterflies'],
      ['leaf', 'leaf leaves herb garden ivy'],
      ['tree', 'tree christmas xmas santa woodland'],
      ['snow', 'snowflake snow frosted nordic'],
      ['berry', 'strawberry berry strawberries'],
      ['cat', 'cat cats kitten'],
      ['owl', 'owl owls'],
      ['rabbit', 'rabbit bunny hare'],
      ['dog', 'dog dogs puppy'],
      ['skull', 'skull skulls pirate'],
      ['spot', 'retrospot polkadot spot spotty spots'],
      ['moon', 'moon night'],
      ['rocket', 'spaceboy rocket space'],
    ] as const
  ).flatMap(([sign, words]) => words.split(' ').map((word) => [word, sign])),
);

const signOf = (words: readonly string[]): SignName | undefined =>
  words.map((word) => signWords[word]).find((sign) => sign !== undefined);

const round = (value: number): number => Math.round(value * 100) / 100;

const disc = (x: number, y: number, r: number): string =>
  `M${round(x - r)} ${round(y)}a${round(r)} ${round(r)} 0 1 0 ${round(2 * r)} 0a${round(r)} ${round(r)} 0 1 0 ${round(-2 * r)} 0z`;

type Backdrop = (chance: () => number) => string;

/** What lies behind the thing, in the second tone of the ground. Places and sizes differ with every product. */
const backdrops: Readonly<Record<string, Backdrop>> = {
  sun: (chance) => disc(40 + (chance() - 0.5) * 36, 46 + (chance() - 0.5) * 30, 26 + chance() * 12),
  table: (chance) => `M0 ${round(60 + chance() * 16)}h80v50h-80z`,
  arch: (chance) => {
    const half = 22 + chance() * 9;
    const x = 40 + (chance() - 0.5) * 10;
    return `M${round(x - half)} 100v-${round(48 + chance() * 12)}a${round(half)} ${round(half)} 0 0 1 ${round(2 * half)} 0v70z`;
  },
  hill: (chance) => disc(10 + chance() * 60, 118 - chance() * 10, 56 + chance() * 10),
  slope: (chance) => `M0 ${round(20 + chance() * 40)}L80 ${round(10 + chance() * 70)}V100H0z`,
  window: (chance) => {
    const edge = 8 + chance() * 6;
    return `M${round(edge)} ${round(edge)}h${round(80 - 2 * edge)}v${round(100 - 2 * edge)}h${round(2 * edge - 80)}z`;
  },
  stripes: (chance) => {
    const width = 5 + chance() * 4;
    const from = -chance() * 2 * width;
    return Array.from(
      { length: 10 },
      (_, nth) => `M${round(from + nth * 2 * width)} 0h${round(width)}v100h${round(-width)}z`,
    ).join('');
  },
  bars: (chance) => {
    const height = 5 + chance() * 5;
    const from = -chance() * 2 * height;
    return Array.from(
      { length: 11 },
      (_, nth) => `M0 ${round(from + nth * 2 * height)}h80v${round(height)}h-80z`,
    ).join('');
  },
  dots: (chance) => {
    const step = 13 + chance() * 4;
    const r = step * (0.2 + chance() * 0.1);
    const [x, y] = [chance() * step, chance() * step];
    return grid(x - step, y - step, step, (px, py, row) => disc(px + (row % 2) * (step / 2), py, r));
  },
  checks: (chance) => {
    const step = 12 + chance() * 6;
    const shift = chance() * step;
    return (
      grid(-shift, 0, 2 * step, (px) => `M${round(px)} 0h${round(step)}v100h${round(-step)}z`, true) +
      grid(0, -shift, 2 * step, (_px, py) => `M0 ${round(py)}h80v${round(step)}h-80z`, false)
    );
  },
  rays: (chance) => {
    const turn = chance() * 0.5;
    const [x, y] = [40 + (chance() - 0.5) * 12, 50 + (chance() - 0.5) * 16];
    return Array.from({ length: 9 }, (_, nth) => {
      const [a, b] = [turn + (nth / 9) * 2 * Math.PI, turn + ((nth + 0.5) / 9) * 2 * Math.PI];
      const at = (angle: number) => `${round(x + 110 * Math.cos(angle))} ${round(y + 110 * Math.sin(angle))}`;
      return `M${round(x)} ${round(y)}L${at(a)} ${at(b)}z`;
    }).join('');
  },
};

const grid = (
  x0: number,
  y0: number,
  step: number,
  draw: (x: number, y: number, row: number) => string,
  isRow?: boolean,
): string => {
  let path = '';
  for (let row = 0, y = y0; isRow === true ? row < 1 : y < 100 + step; row += 1, y += step)
    for (let column = 0, x = x0; isRow === false ? column < 1 : x < 80 + step; column += 1, x += step)
      path += draw(x, y, row);
  return path;
};

const backdropWords: Readonly<Record<string, string>> = {
  retrospot: 'dots',
  polkadot: 'dots',
  spotty: 'dots',
  stripe: 'stripes',
  stripes: 'stripes',
  striped: 'stripes',
  gingham: 'checks',
  check: 'checks',
  circus: 'rays',
};

const plainBackdrops = [
  'sun',
  'table',
  'arch',
  'hill',
  'slope',
  'window',
  'sun',
  'arch',
  'rays',
  'bars',
] as const;

const backdrop = (words: readonly string[], { tone }: Inks, chance: () => number): Stroke[] => {
  const drawn = oneOf(plainBackdrops, chance);
  const named = words.map((word) => backdropWords[word]).find((name) => name !== undefined);
  const draw = backdrops[named ?? drawn] as Backdrop;
  return [{ path: draw(chance), fill: tone }];
};

const fillOf = (fill: Part[0], inks: Inks): string =>
  ({ i: inks.ink, p: inks.paper, x: inks.pop, t: inks.tone })[fill];

/** The motif with its centre at a point, `size` wide. */
const placed = (
  motif: readonly PlacedPart[],
  x: number,
  y: number,
  size: number,
  turn: number,
  inks: Inks,
): Stroke[] =>
  motif.map(([fill, path, within]) => ({
    path,
    fill: fillOf(fill, inks),
    transform: `translate(${round(x)} ${round(y)})${turn === 0 ? '' : ` rotate(${round(turn)})`} scale(${round(size / 100)}) translate(-50 -50)${within === undefined ? '' : ` ${within}`}`,
  }));

/** Things with a face that a sign is printed on: its middle and its width. The others have the sign beside them. */
const faces: Readonly<Partial<Record<ThingName, readonly [x: number, y: number, size: number]>>> = {
  tote: [50, 70, 34],
  shopper: [50, 68, 36],
  lunchbag: [50, 62, 36],
  apron: [50, 76, 26],
  mug: [43, 62, 32],
  jar: [50, 59, 24],
  cushion: [50, 50, 44],
  plate: [50, 50, 40],
  notebook: [54, 62, 32],
  suitcase: [50, 60, 36],
  purse: [50, 66, 34],
  tin: [50, 58, 26],
  bottle: [50, 67, 22],
  cup: [44, 47, 30],
  bauble: [50, 76, 22],
};

type PlacedPart = readonly [fill: Part[0], path: string, transform?: string];

const withSign = (thing: ThingName, sign: SignName | undefined): readonly PlacedPart[] => {
  const face = faces[thing];
  if (sign === undefined || face === undefined) return things[thing];
  const [x, y, size] = face;
  const transform = `translate(${x} ${y}) scale(${size / 100}) translate(-50 -50)`;
  // Ink on ink would not be seen.
  const printed = (signs[sign] as Motif).map(
    ([fill, path]) => [fill === 'i' ? 'p' : fill, path, transform] as const,
  );
  return [...(things[thing] as Motif), ...printed];
};

const arranged = (
  thing: readonly PlacedPart[],
  count: number,
  inks: Inks,
  chance: () => number,
): Stroke[] => {
  const shown = Math.min(count, 12);
  if (shown === 1)
    return placed(
      thing,
      40 + (chance() - 0.5) * 6,
      52 + (chance() - 0.5) * 6,
      53 + chance() * 8,
      (chance() - 0.5) * 10,
      inks,
    );
  const columns = shown <= 3 ? (shown === 3 ? 2 : shown) : shown <= 6 ? 2 : 3;
  const rows = Math.ceil(shown / columns);
  const cell = Math.min(66 / columns, 84 / rows);
  const size = cell * (0.76 + chance() * 0.1);
  return Array.from({ length: shown }, (_, nth) => {
    const row = Math.floor(nth / columns);
    const inRow = row === rows - 1 ? shown - row * columns : columns;
    const x = 40 + ((nth % columns) - (inRow - 1) / 2) * cell;
    const y = 50 + (row - (rows - 1) / 2) * cell;
    return placed(thing, x, y, size, (chance() - 0.5) * 8, inks);
  }).flat();
};

/** Alone where nothing else is drawn, else a small one in a corner. */
const signed = (sign: Motif, isAlone: boolean, inks: Inks, chance: () => number): Stroke[] => {
  if (isAlone)
    return placed(
      sign,
      40 + (chance() - 0.5) * 6,
      50 + (chance() - 0.5) * 6,
      52 + chance() * 8,
      (chance() - 0.5) * 14,
      inks,
    );
  const isLeft = chance() < 0.5;
  return placed(
    sign,
    isLeft ? 15 + chance() * 3 : 62 + chance() * 3,
    16 + chance() * 4,
    17 + chance() * 4,
    (chance() - 0.5) * 24,
    inks,
  );
};
