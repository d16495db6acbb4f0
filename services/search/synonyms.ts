import { singular } from './words.js';

/** Words that shoppers use for the same thing. Each finds what the others of its line find, below what it finds itself. */
const lines: readonly (readonly string[])[] = [
  ['sofa', 'couch', 'settee'],
  ['mug', 'cup', 'beaker'],
  ['lamp', 'light', 'lantern'],
  ['bag', 'tote', 'shopper'],
  ['rug', 'carpet'],
  ['pillow', 'cushion'],
  ['curtain', 'drape'],
  ['wardrobe', 'closet'],
  ['trash', 'rubbish', 'bin'],
  ['xmas', 'christmas'],
  ['gift', 'present'],
  ['jewellery', 'jewelry'],
  ['grey', 'gray'],
  ['colour', 'color'],
  ['tv', 'television'],
  ['phone', 'telephone', 'mobile'],
  ['bike', 'bicycle'],
  ['trainer', 'sneaker'],
  ['jumper', 'sweater', 'pullover'],
  ['trouser', 'pant'],
  ['child', 'kid', 'children'],
  ['baby', 'infant'],
  ['picture', 'photo'],
  ['notebook', 'jotter'],
  ['flask', 'thermos'],
];

const byWord = new Map<string, string[]>();
for (const line of lines)
  for (const word of line) byWord.set(singular(word), line.filter((other) => other !== word).map(singular));

/** The other words for the same thing, in the singular. */
export const synonymsOf = (word: string): readonly string[] => byWord.get(word) ?? [];
