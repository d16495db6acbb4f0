/**
 * Finds a shelf for a product from the words of its name. The first row of the table with a matching word wins, so
 * special rows ("christmas tree lights") come before general ones ("lights").
 */
const shelves: readonly (readonly [category: string, words: string])[] = [
  [
    'seasonal/christmas',
    'christmas xmas bauble baubles advent santa reindeer snowman noel nativity nutcracker',
  ],
  ['seasonal/easter', 'easter'],
  ['seasonal/halloween', 'halloween pumpkin'],
  ['jewellery/necklaces', 'necklace necklaces neckl pendant'],
  ['jewellery/bracelets', 'bracelet bracelets bangle'],
  ['jewellery/earrings', 'earrings earring'],
  ['jewellery/rings-and-brooches', 'ring rings brooch charm charms'],
  ['jewellery/hair', 'hair hairclip hairband hairslide'],
  ['garden/plants', 'plant planter watering herb seeds grow flowerpot cactus'],
  ['garden/outdoor', 'garden parasol birdhouse nesting shed bird-feeder feeder thermometer windmill outdoor'],
  [
    'kitchen/baking',
    'baking cake cakes cakestand cupcake muffin pudding mould rolling measuring cookie jelly cases',
  ],
  ['kitchen/mugs-and-cups', 'mug mugs cup cups teacup saucer saucers beaker'],
  ['kitchen/tea-and-coffee', 'teapot tea coffee cafetiere cosy teatime'],
  [
    'kitchen/tableware',
    'plate plates bowl bowls dish cutlery spoon spoons fork knife glass glasses goblet tumbler jug tray coaster coasters placemat placemats napkin napkins tablecloth egg decanter wine',
  ],
  ['kitchen/storage', 'jar jars tin tins lunch snack bread biscuit pantry bottle bottles container canister'],
  ['kitchen/cookware', 'pan pans pot frying chopping board apron oven towel recipe scales kitchen'],
  ['living/lighting', 'light lights lamp lampshade lantern lanterns chandelier bulb led'],
  [
    'living/candles',
    'candle candles candleholder candlestick t-light tlight votive incense scented fragrance scent holder',
  ],
  ['living/clocks', 'clock clocks'],
  ['living/mirrors-and-frames', 'mirror mirrors frame frames photo picture'],
  ['living/cushions-and-throws', 'cushion cushions throw quilt blanket pillow'],
  ['living/doormats-and-rugs', 'doormat rug mat'],
  ['living/hooks-and-knobs', 'hook hooks hanger knob knobs rack'],
  ['living/signs', 'sign signs plaque'],
  [
    'living/storage',
    'basket baskets cabinet drawer drawers storage shelf box boxes organiser tidy bin chest trinket',
  ],
  ['bath/bathroom', 'bathroom bath soap washbag flannel toilet shower'],
  ['party/bunting-and-garlands', 'bunting garland garlands streamers'],
  ['party/balloons-and-games', 'party balloons balloon invites dinosaur-game'],
  ['paper/wrapping', 'wrap gift ribbon ribbons tissue bow tape'],
  ['paper/cards', 'card cards postcard'],
  [
    'paper/stationery',
    'notebook notebooks sketchbook pen pens pencil pencils sticker stickers stamp stamps letters journal memo calendar magnets magnet rubber ruler book stationery',
  ],
  ['craft/sewing-and-craft', 'sewing knitting craft feltcraft kit beads bead crochet fabric buttons origami'],
  ['bags/shopping-and-jumbo', 'jumbo shopper recycled'],
  ['bags/handbags-and-purses', 'handbag purse purses wallet clutch'],
  ['bags/travel', 'luggage travel passport rucksack suitcase'],
  ['bags/bags', 'bag bags'],
  ['wear/accessories', 'umbrella scarf gloves hat slippers shawl sunglasses sock socks parka poncho'],
  [
    'toys/toys-and-games',
    'toy toys doll dolls jigsaw puzzle game games playing skittles teddy soldier soldiers dominoes ludo snap rocket spaceboy childrens childs kids baby girl boy circus',
  ],
  [
    'living/ornaments',
    'ornament figurine statue skull skulls decoration decorations angel wreath hanging heart star bird butterfly vase flower flowers rose artificial wicker ceramic feather wall',
  ],
];

const byWord = new Map<string, number>();
for (const [rank, [, words]] of shelves.entries())
  for (const word of words.split(' ')) if (!byWord.has(word)) byWord.set(word, rank);

export const categories: readonly string[] = [...shelves.map(([category]) => category), 'living/decoration'];

const wordsOf = (name: string): string[] => name.toLowerCase().match(/[a-z][a-z-]*/g) ?? [];

export const categoryOf = (name: string): string => {
  const ranks = wordsOf(name).map((word) => byWord.get(word) ?? shelves.length);
  return categories[Math.min(shelves.length, ...ranks)] as string;
};

/** Colours, materials and patterns: words that occur on every shelf. */
const themes = new Set(
  `pink blue red white green black ivory cream silver gold purple yellow orange brown turquoise amethyst copper
  vintage retro antique french rustic victorian edwardian baroque scandinavian
  retrospot polkadot gingham paisley floral stripe daisy spaceboy dolly-girl woodland circus strawberry rose
  heart hearts star butterfly bird rabbit cat dog skull owl
  glass metal wooden wood zinc enamel ceramic felt paper wicker crystal acrylic cotton slate tin`.split(
    /\s+/,
  ),
);

/** At most 5, in the order of the name, each once. */
export const tagsOf = (name: string): string[] =>
  [...new Set(wordsOf(name).filter((word) => themes.has(word)))].slice(0, 5);

/** `WHITE HANGING HEART T-LIGHT HOLDER` → `White hanging heart t-light holder`. */
export const tidyName = (description: string): string => {
  const words = description
    .replace(/\s+/g, ' ')
    .replace(/\s*,\s*/g, ', ')
    .replace(/[ .]+$/, '')
    .trim()
    .toLowerCase();
  return words.charAt(0).toUpperCase() + words.slice(1);
};
