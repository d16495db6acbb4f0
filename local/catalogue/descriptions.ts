import { createHash } from 'node:crypto';
import type { CatalogueProduct } from './catalogue.js';
import { kindOf } from './kinds.js';

type Described = Pick<CatalogueProduct, 'name' | 'category' | 'priceMinor' | 'tags'>;

export type Description = { description: string; attributes: Record<string, string | number> };

/** What a word of the name says about how a product looks. */
const looks: Readonly<Record<string, string>> = {
  retrospot: 'White dots on red: the pattern that this shop began with.',
  polkadot: 'Dots all over, evenly and by intention.',
  gingham: 'In the small checks of a country kitchen.',
  paisley: 'Paisley in the colours of an old silk scarf.',
  floral: 'Flowers over and over, as on a summer dress.',
  stripe: 'In stripes, as crisp as a deckchair.',
  vintage: 'The print is taken from an old sample book, with its colours a little faded.',
  retro: 'With the rounded corners of another decade.',
  antique: 'Finished to look as if it had been in the family for a while.',
  rustic: 'Left a little rough, so that it looks found rather than bought.',
  french: 'It would not look out of place in a French kitchen.',
  victorian: 'Drawn after a Victorian original.',
  edwardian: 'With the light lines of the years before the wars.',
  baroque: 'Curls and flourishes, more is more.',
  scandinavian: 'Plain, warm, and red where it matters.',
  woodland: 'With the fox, the hedgehog and the rest of the wood on it.',
  circus: 'The whole circus is on it, down to the strong man.',
  spaceboy: 'With the small astronaut who is on his way to the moon.',
  'dolly-girl': 'With Dolly and her umbrella.',
  strawberry: 'Strawberries everywhere.',
  rose: 'Roses, in bud and in bloom.',
  daisy: 'With a chain of daisies.',
  heart: 'The heart is meant.',
  hearts: 'With hearts, and not shy about it.',
  star: 'A star, for the window or for somebody.',
  butterfly: 'With a butterfly that stays.',
  bird: 'With a bird that does not sing at four in the morning.',
  rabbit: 'With a rabbit that looks back.',
  cat: 'With a cat, because somebody always asks.',
  dog: 'With a dog that never has to go out.',
  skull: 'The skulls are friendly.',
  owl: 'With an owl that has seen it all.',
};

const materials: Readonly<Record<string, string>> = {
  glass: 'Glass',
  metal: 'Metal',
  wooden: 'Wood',
  wood: 'Wood',
  zinc: 'Zinc',
  enamel: 'Enamelled steel',
  ceramic: 'Ceramic',
  felt: 'Felt',
  paper: 'Paper',
  wicker: 'Wicker',
  crystal: 'Crystal',
  acrylic: 'Acrylic',
  cotton: 'Cotton',
  slate: 'Slate',
  tin: 'Tinplate',
};

const colours = new Set(
  'pink blue red white green black ivory cream silver gold purple yellow orange brown turquoise amethyst copper'.split(
    ' ',
  ),
);

const closings: readonly (readonly [upToMinor: number, lines: readonly string[]])[] = [
  [
    100,
    [
      'Costs less than the stamp on the parcel.',
      'Good in a stocking or beside a plate.',
      'Take two: one will be given away.',
    ],
  ],
  [
    400,
    [
      'A present that needs no particular reason.',
      'Fits into a letter box, a drawer and most budgets.',
      'It is wrapped in a minute.',
    ],
  ],
  [
    1000,
    [
      'Comes well packed, ready to be given.',
      'A present that gets used.',
      'Made to last longer than its ribbon.',
    ],
  ],
  [
    Number.POSITIVE_INFINITY,
    [
      'The one that people ask about.',
      'Comes in a box of its own.',
      'Meant to be kept, and to be handed on.',
    ],
  ],
];

const capital = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1);

/** `Pack of 72 cake cases`, `Set/6 cups`, `12 pencils`: how many pieces are in it; undefined for one. */
export const piecesIn = (name: string): number | undefined => {
  const [, counted, first] =
    /\b(?:set|pack|box|s)(?: of |\/| )(\d{1,3})\b|^(\d{1,3}) (?!meter|hook|drawer|tier|colour)/i.exec(name) ??
    [];
  const pieces = Number(counted ?? first);
  return pieces > 1 ? pieces : undefined;
};

/**
 * A text and facts for a product of the data, which has only a name, a shelf and a price. The same product has the same
 * ones each time.
 */
export const descriptionOf = ({ name, category, priceMinor, tags }: Described): Description => {
  const kind = kindOf(name, category);
  const draw = createHash('sha256').update(name).digest();
  const pick = (lines: readonly string[], nth: number): string =>
    lines[(draw[nth] ?? 0) % lines.length] as string;
  const pieces = piecesIn(name);
  const look = tags.map((tag) => looks[tag]).find((line) => line !== undefined);
  const closing = closings.find(([upToMinor]) => priceMinor < upToMinor)?.[1] ?? [];
  const text = [
    pick(kind.about, 0),
    look,
    pieces === undefined ? undefined : `There are ${pieces} in it.`,
    pick(closing, 1),
  ];
  const colour = tags.filter((tag) => colours.has(tag));
  const material = tags.map((tag) => materials[tag]).find((found) => found !== undefined);
  return {
    description: text.filter((line) => line !== undefined).join(' '),
    attributes: {
      material: material ?? kind.material,
      ...(colour.length > 0 && { colour: colour.map(capital).join(' and ') }),
      ...(pieces !== undefined && { pieces }),
      ...(kind.sizeCm && { size: sizeOf(kind.sizeCm, name, draw[2] ?? 0) }),
      ...(kind.care && { care: kind.care }),
    },
  };
};

/** A size near the usual one of its kind, in whole centimetres. */
const sizeOf = (usualCm: readonly [number, number], name: string, drawn: number): string => {
  const stated = /\b(?:large|big|giant|jumbo)\b/i.test(name)
    ? 1.35
    : /\b(?:small|mini)/i.test(name)
      ? 0.65
      : 1;
  const factor = stated * (0.9 + (0.2 * drawn) / 255);
  return `${usualCm.map((cm) => Math.max(1, Math.round(cm * factor))).join(' × ')} cm`;
};
