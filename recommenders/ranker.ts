import type { FeatureRows } from './feature-rows.js';
import { nthLargest } from './selection.js';

/**
 * A ranking model that is learned while it is used. The probability that candidate c is taken is softmax(s(c)) over the
 * query's candidates (the listwise loss of ListNet, Cao et al. 2007), and each observed choice moves the parameters along
 * the gradient of its log-likelihood, with the step sizes of Adagrad (Duchi et al. 2011). There are two stages:
 *
 *     linear(c) = w . f(c)                                  for every candidate
 *     s(c)      = linear(c) + v . tanh(W f(c) + b)          for the `rerankedMax` best of them
 *
 * The second stage is used while it predicts better than the first alone. f(c) ends with features of the query, which are the same for each candidate and
 * matter in the second stage only.
 */
export type Ranker = {
  /** How many choices it has learned from. */
  readonly learned: number;
  readonly weights: Float64Array;
  /** The scores of the rows; valid until the next call. */
  score(features: FeatureRows): Float64Array;
  /** `features` has a row for each candidate; `taken` are the rows of those that were chosen. */
  learn(features: FeatureRows, taken: readonly number[]): void;
  toJson(): RankerJson;
  restore(json: RankerJson): void;
};

export type RankerJson = { parameters: number[]; squares: number[]; learned: number; gain: number };

export type RankerSettings = {
  /** The linear weights before the first choice. */
  prior: readonly number[];
  hidden: number;
  rerankedMax: number;
  step: number;
  hiddenStep: number;
};

// Over seventy lines: both stages of one model share its parameters and buffers.
export const createRanker = ({ prior, hidden, rerankedMax, step, hiddenStep }: RankerSettings): Ranker => {
  const width = prior.length;
  // One vector: w, then v, then b, then W row by row.
  const v = width;
  const b = v + hidden;
  const W = b + hidden;
  const parameters = new Float64Array(W + hidden * width);
  const squares = new Float64Array(parameters.length).fill(0.01);
  const gradient = new Float64Array(parameters.length);
  parameters.set(prior);
  for (let nth = W; nth < parameters.length; nth += 1)
    parameters[nth] = startOf(nth) * (1.5 / Math.sqrt(width));
  let scores = new Float64Array(256);
  let copies = new Float64Array(256);
  const activations = new Float64Array(rerankedMax * hidden);
  // The second stage's inputs: of the query, and of one candidate.
  const shared = new Float64Array(hidden);
  const inputs = new Float64Array(hidden);
  const best: number[] = [];
  let learned = 0;
  // By how much the second stage has lately raised the log-likelihood of what was chosen, before it learned from it.
  let gain = 0;

  const linear = ({ size, entries, rowAt, columnAt, valueAt, ofQuery }: FeatureRows): void => {
    if (scores.length < size) {
      scores = new Float64Array(2 * size);
      copies = new Float64Array(2 * size);
    }
    let ofAll = 0;
    for (let nth = 0, p = width - ofQuery.length; p < width; nth += 1, p += 1)
      ofAll += parameters[p]! * ofQuery[nth]!;
    scores.fill(ofAll, 0, size);
    for (let entry = 0; entry < entries; entry += 1) {
      const row = rowAt[entry]!;
      if (row >= 0) scores[row]! += parameters[columnAt[entry]!]! * valueAt[entry]!;
    }
  };

  const chooseBest = (rows: number): void => {
    best.length = 0;
    copies.set(scores.subarray(0, rows));
    const threshold = rows <= rerankedMax ? Number.NEGATIVE_INFINITY : nthLargest(copies, rows, rerankedMax);
    for (let row = 0; row < rows && best.length < rerankedMax; row += 1)
      if (scores[row]! >= threshold) best.push(row);
  };

  const rerank = ({ lastOf, beforeAt, columnAt, valueAt, ofQuery }: FeatureRows): void => {
    const firstOfQuery = width - ofQuery.length;
    for (let h = 0; h < hidden; h += 1) {
      let input = parameters[b + h]!;
      for (let nth = 0, p = W + h * width + firstOfQuery; nth < ofQuery.length; nth += 1, p += 1)
        input += parameters[p]! * ofQuery[nth]!;
      shared[h] = input;
    }
    for (let nth = 0; nth < best.length; nth += 1) {
      const row = best[nth]!;
      inputs.set(shared);
      for (let entry = lastOf[row]!; entry >= 0; entry = beforeAt[entry]!) {
        const value = valueAt[entry]!;
        for (let h = 0, p = W + columnAt[entry]!; h < hidden; h += 1, p += width)
          inputs[h]! += parameters[p]! * value;
      }
      let sum = 0;
      for (let h = 0; h < hidden; h += 1) {
        const output = Math.tanh(inputs[h]!);
        activations[nth * hidden + h] = output;
        sum += parameters[v + h]! * output;
      }
      scores[row]! += sum;
    }
  };

  /**
   * The gradient of the first stage, over all candidates. That of the query's features is 0, because what is alike for all
   * changes no odds.
   */
  const addLinearGradient = (features: FeatureRows, isTaken: ReadonlySet<number>): void => {
    const { size, entries, rowAt, columnAt, valueAt } = features;
    let highest = Number.NEGATIVE_INFINITY;
    for (let row = 0; row < size; row += 1) if (scores[row]! > highest) highest = scores[row]!;
    let total = 0;
    for (let row = 0; row < size; row += 1) {
      copies[row] = Math.exp(scores[row]! - highest);
      total += copies[row]!;
    }
    // From here on `copies` has the errors.
    for (let row = 0; row < size; row += 1) copies[row] = -copies[row]! / total;
    for (const row of isTaken) copies[row]! += 1 / isTaken.size;
    for (let entry = 0; entry < entries; entry += 1) {
      const row = rowAt[entry]!;
      if (row >= 0) gradient[columnAt[entry]!]! += copies[row]! * valueAt[entry]!;
    }
  };

  /** The gradient of the second stage, which learns what the first one leaves open: w counts as fixed. */
  const addHiddenGradient = (features: FeatureRows, isTaken: ReadonlySet<number>): void => {
    const { lastOf, beforeAt, columnAt, valueAt, ofQuery } = features;
    const firstOfQuery = width - ofQuery.length;
    let highest = Number.NEGATIVE_INFINITY;
    for (const row of best) if (scores[row]! > highest) highest = scores[row]!;
    let total = 0;
    for (const row of best) total += Math.exp(scores[row]! - highest);
    for (let nth = 0; nth < best.length; nth += 1) {
      const row = best[nth]!;
      const error = (isTaken.has(row) ? 1 / isTaken.size : 0) - Math.exp(scores[row]! - highest) / total;
      if (Math.abs(error) < negligible) continue;
      for (let h = 0; h < hidden; h += 1) {
        const output = activations[nth * hidden + h]!;
        gradient[v + h]! += error * output;
        const inner = error * parameters[v + h]! * (1 - output * output);
        inputs[h] = inner;
        gradient[b + h]! += inner;
        for (let at = 0, p = W + h * width + firstOfQuery; at < ofQuery.length; at += 1, p += 1)
          gradient[p]! += inner * ofQuery[at]!;
      }
      for (let entry = lastOf[row]!; entry >= 0; entry = beforeAt[entry]!) {
        const value = valueAt[entry]!;
        for (let h = 0, p = W + columnAt[entry]!; h < hidden; h += 1, p += width)
          gradient[p]! += inputs[h]! * value;
      }
    }
  };

  /** Minus the mean log-likelihood of the chosen ones, among the best. */
  const lossOf = (chosen: ReadonlySet<number>): number => {
    let highest = Number.NEGATIVE_INFINITY;
    for (const row of best) if (scores[row]! > highest) highest = scores[row]!;
    let total = 0;
    for (const row of best) total += Math.exp(scores[row]! - highest);
    let sum = 0;
    for (const row of chosen) sum += scores[row]! - highest - Math.log(total);
    return -sum / chosen.size;
  };

  return {
    get learned() {
      return learned;
    },
    weights: parameters.subarray(0, width),
    score: (features) => {
      linear(features);
      if (hidden === 0 || gain <= 0) return scores;
      const rows = features.size;
      chooseBest(rows);
      rerank(features);
      // What was not reranked stays behind what was.
      if (best.length < rows) {
        let lowest = Number.POSITIVE_INFINITY;
        for (const row of best) if (scores[row]! < lowest) lowest = scores[row]!;
        // The best rows are in their order.
        for (let row = 0, nth = 0; row < rows; row += 1) {
          if (row === best[nth]) nth += 1;
          else scores[row] = Math.min(scores[row]!, lowest) - 1;
        }
      }
      return scores;
    },
    learn: (features, taken) => {
      const rows = features.size;
      if (taken.length === 0 || rows < 2) return;
      const isTaken = new Set(taken);
      gradient.fill(0);
      linear(features);
      addLinearGradient(features, isTaken);
      chooseBest(rows);
      // Choices that the first stage did not find teach the second one nothing: they would all be exceptions to it.
      const found = new Set(best.filter((row) => isTaken.has(row)));
      if (found.size > 0 && hidden > 0) {
        const before = lossOf(found);
        rerank(features);
        gain = gainShare * gain + (1 - gainShare) * (before - lossOf(found));
        addHiddenGradient(features, found);
      }
      for (let p = 0; p < parameters.length; p += 1) {
        const slope = gradient[p]!;
        if (slope === 0) continue;
        squares[p] = forgetting * squares[p]! + slope * slope;
        parameters[p]! += ((p < v ? step : hiddenStep) * slope) / Math.sqrt(squares[p]!);
      }
      learned += 1;
    },
    toJson: () => ({ parameters: [...parameters], squares: [...squares], learned, gain }),
    restore: (json) => {
      parameters.set(json.parameters);
      squares.set(json.squares);
      learned = json.learned;
      gain = json.gain;
    },
  };
};

/** Keeps the steps from becoming too small to follow a shop that changes. */
const forgetting = 0.9995;
const gainShare = 0.995;
const negligible = 1e-6;

/** A number in (-1, 1) that is the same in every process: hidden units have to begin unlike each other. */
const startOf = (nth: number): number => {
  const mixed = Math.imul(nth + 1, 2654435761) >>> 0;
  return (Math.imul(mixed ^ (mixed >>> 15), 2246822519) >>> 0) / 2 ** 31 - 1;
};
