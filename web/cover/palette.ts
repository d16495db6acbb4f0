/** OKLCH to `#rrggbb`, clipped to sRGB. Lightness 0..1, chroma 0..0.4, hue in degrees. */
export const hexOf = (lightness: number, chroma: number, hue: number): string => {
  const angle = (hue * Math.PI) / 180;
  const a = chroma * Math.cos(angle);
  const b = chroma * Math.sin(angle);
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  const channels = [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ];
  return `#${channels
    .map((linear) => {
      const clipped = Math.min(1, Math.max(0, linear));
      const encoded = clipped <= 0.0031308 ? 12.92 * clipped : 1.055 * clipped ** (1 / 2.4) - 0.055;
      return Math.round(encoded * 255)
        .toString(16)
        .padStart(2, '0');
    })
    .join('')}`;
};

const luminanceOf = (hex: string): number =>
  [1, 3, 5]
    .map((at) => Number.parseInt(hex.slice(at, at + 2), 16) / 255)
    .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4))
    .reduce((sum, value, channel) => sum + value * ([0.2126, 0.7152, 0.0722][channel] ?? 0), 0);

/** WCAG 2's ratio of two colours, 1 to 21. */
export const contrastOf = (one: string, other: string): number => {
  const [dark, light] = [luminanceOf(one), luminanceOf(other)].sort((a, b) => a - b) as [number, number];
  return (light + 0.05) / (dark + 0.05);
};

export type Inks = {
  ground: string;
  /** A second tone of the ground, for what lies behind the thing. */
  tone: string;
  /** Draws the thing; readable on the ground and on the tone. */
  ink: string;
  /** Details within the ink. */
  paper: string;
  /** A small part in a lively colour. */
  pop: string;
};

/** Grounds share lightness and chroma, inks likewise, so that any shelf looks like one collection. */
const print = (hue: number, inkHue: number, popHue: number): Inks => ({
  ground: hexOf(0.885, 0.07, hue),
  tone: hexOf(0.825, 0.09, hue),
  ink: hexOf(0.33, 0.105, inkHue),
  paper: hexOf(0.975, 0.02, hue),
  pop: hexOf(0.66, 0.185, popHue),
});

const neutral = (lightness: number, hue: number, inkHue: number, popHue: number): Inks => ({
  ground: hexOf(lightness, 0.018, hue),
  tone: hexOf(lightness - 0.06, 0.03, hue),
  ink: hexOf(0.33, 0.07, inkHue),
  paper: hexOf(0.985, 0.008, hue),
  pop: hexOf(0.66, 0.17, popHue),
});

/** Twelve pairs chosen by eye, around the wheel. */
export const prints: readonly Inks[] = [
  print(20, 275, 32),
  print(45, 330, 262),
  print(70, 265, 28),
  print(90, 155, 35),
  print(115, 260, 20),
  print(145, 300, 70),
  print(170, 20, 85),
  print(195, 262, 40),
  print(225, 285, 75),
  print(255, 25, 60),
  print(310, 265, 85),
  print(350, 160, 262),
];

/** What a colour word of a name asks for. */
export const printsByWord: Readonly<Record<string, Inks>> = {
  red: print(22, 18, 262),
  pink: print(355, 350, 80),
  blue: print(250, 262, 45),
  navy: print(255, 265, 75),
  green: print(150, 155, 35),
  lime: print(125, 145, 20),
  yellow: print(98, 265, 25),
  orange: print(60, 30, 262),
  purple: print(305, 305, 85),
  amethyst: print(310, 300, 150),
  turquoise: print(195, 215, 35),
  aqua: print(200, 240, 50),
  mint: print(168, 165, 20),
  brown: neutral(0.84, 60, 45, 40),
  chocolate: neutral(0.82, 50, 40, 75),
  copper: neutral(0.86, 50, 35, 220),
  gold: print(88, 70, 25),
  silver: neutral(0.89, 255, 265, 40),
  zinc: neutral(0.88, 230, 255, 60),
  grey: neutral(0.88, 265, 270, 85),
  slate: neutral(0.86, 250, 262, 60),
  white: neutral(0.95, 95, 262, 25),
  ivory: neutral(0.94, 90, 30, 150),
  cream: neutral(0.935, 85, 350, 200),
  black: neutral(0.9, 270, 285, 45),
};
