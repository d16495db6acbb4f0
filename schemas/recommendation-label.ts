/**
 * What a recommendationId stands for. The id is a UUIDv7 in which some of the bits that are otherwise random are a label,
 * so that nothing is stored or sent per answer: `shopper-activity` has the id of the answer with each product shown or
 * clicked, and whoever reads the id knows the scenario, the model and the arm of the experiment (ADR 43).
 *
 *     tttttttt-tttt-7smm-bern-eeeeaprr…
 *
 * t is the time, s the scenario, m the model, `be` marks a label of this layout, e is the experiment (0 for none), a the
 * arm, p the place of a product that was put there by chance (f for none). The rest, 32 bits, is random.
 */
export type RecommendationLabel = {
  scenario: string;
  model: string;
  experiment: { code: number; arm: number } | null;
  /** The place, from 0, of the product that was chosen by chance; null if none was. */
  exploredPlace: number | null;
};

/** By their codes: never reorder them, add at the end. */
export const labelledScenarios = [
  'product',
  'similar',
  'cart',
  'home',
  'reorder',
  'new-arrivals',
  'trending',
] as const;

/** By their codes: never reorder them, add at the end. A model that is not listed is `other`. */
export const labelledModels = [
  'other',
  'item-to-item-2',
  'learned-blend-1',
  'popularity-1',
  'brief',
  'lasting',
  'strict',
  'interleaved',
] as const;

export const armsMax = 15;
export const exploredPlaceMax = 14;

const scenarioDigits: ReadonlyMap<string, string> = new Map(
  labelledScenarios.map((scenario, code) => [scenario, hex(code, 1)]),
);
const modelDigits: ReadonlyMap<string, string> = new Map(
  labelledModels.map((model, code) => [model, hex(code, 2)]),
);
const scenarioOf: ReadonlyMap<string, string> = new Map(
  [...scenarioDigits].map(([scenario, digits]) => [digits, scenario]),
);
const modelOf: ReadonlyMap<string, string> = new Map(
  [...modelDigits].map(([model, digits]) => [digits, model]),
);
const mark = 'be';

/** The label in `id`, a new UUIDv7, in place of some of its random digits. */
export const labelled = (id: string, label: RecommendationLabel): string => {
  const { experiment, exploredPlace } = label;
  const scenario = scenarioDigits.get(label.scenario) ?? 'f';
  const model = modelDigits.get(label.model) ?? '00';
  const arm = experiment === null ? '0000f' : hex(experiment.code, 4) + hex(experiment.arm, 1);
  const place = exploredPlace === null ? 'f' : hex(exploredPlace, 1);
  return `${id.slice(0, 15)}${scenario}${model}-${mark}${id.slice(21, 24)}${arm}${place}${id.slice(30)}`;
};

/** A new UUIDv7 with what the other id stands for: of the same list, shown once more. */
export const relabelled = (newId: string, labelledId: string): string =>
  `${newId.slice(0, 15)}${labelledId.slice(15, 21)}${newId.slice(21, 24)}${labelledId.slice(24, 30)}${newId.slice(30)}`;

/**
 * The ids that have a label, for TypeScript and ClickHouse alike: what somebody has made up is no label of an unknown model,
 * nor of an arm that no experiment can have. Only a label without an experiment has the arm f.
 */
const labelledId = `^[0-9a-f]{8}-[0-9a-f]{4}-[07](${[...scenarioOf.keys()].join('|')})(${[...modelOf.keys()].join('|')})-${mark}[0-9a-f]{2}-(0000f|[0-9a-f]{4}[0-9a-e])[0-9a-f]{7}$`;
const labelledIdPattern = new RegExp(labelledId);

/** The label of a recommendationId; null for an id that has none. */
export const labelOf = (id: string): RecommendationLabel | null => {
  if (!labelledIdPattern.test(id)) return null;
  const code = Number.parseInt(id.slice(24, 28), 16);
  const place = Number.parseInt(id.slice(29, 30), 16);
  return {
    scenario: scenarioOf.get(id.slice(15, 16)) as string,
    model: modelOf.get(id.slice(16, 18)) as string,
    experiment: code === 0 ? null : { code, arm: Number.parseInt(id.slice(28, 29), 16) },
    exploredPlace: place > exploredPlaceMax ? null : place,
  };
};

/**
 * The same for ClickHouse: expressions over a column of ids, or of their labels alone (`label`). Texts are empty and numbers
 * 0 for an id without a label.
 */
export const labelInSql = (column: string) => {
  const id = `ifNull(${column}, '')`;
  const among = (digits: string, of: ReadonlyMap<string, string>): string =>
    `transform(${digits}, [${[...of.values()].map((text) => `'${text}'`).join(', ')}], [${[...of.keys()]
      .map((text) => `'${text}'`)
      .join(', ')}], '')`;
  const isLabelled = `match(${id}, '${labelledId}')`;
  const number = (from: number, digits: number): string =>
    `reinterpretAsUInt16(reverse(unhex(substring(${id}, ${from}, ${digits}))))`;
  const digit = (from: number): string => `position('0123456789abcdef', substring(${id}, ${from}, 1)) - 1`;
  return {
    /** The id with all digits zero that are not of its label; empty for none. */
    label: `if(${isLabelled}, concat('00000000-0000-0', substring(${id}, 16, 6), '00-', substring(${id}, 25, 6), '000000'), '')`,
    scenario: `if(${isLabelled}, ${among(`substring(${id}, 16, 1)`, scenarioDigits)}, '')`,
    model: `if(${isLabelled}, ${among(`substring(${id}, 17, 2)`, modelDigits)}, '')`,
    experiment: `if(${isLabelled}, ${number(25, 4)}, 0)`,
    /** 15 for none. */
    exploredPlace: `if(${isLabelled}, ${digit(30)}, 15)`,
    /** 15 for none. */
    arm: `if(${isLabelled}, ${digit(29)}, 15)`,
  };
};

function hex(number: number, digits: number): string {
  return number.toString(16).padStart(digits, '0');
}
