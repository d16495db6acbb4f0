/**
 * Forward decay (Cormode et al., ICDE 2009): what happens at t weighs 2^((t - landmark) / halfLife), so sums of different
 * ages are comparable without being touched as they age; the sum as of t is the kept sum over growth(t). The landmark is
 * the first time asked for.
 */
export type ForwardDecay = {
  growth(atMs: number): number;
  landmarkMs: number | null;
};

/** Beyond `halfLivesMax` from the landmark all times weigh the same, so that sums stay finite: with 900, 18 years of weeks. */
export const createForwardDecay = (halfLifeMs: number, halfLivesMax = 900): ForwardDecay => {
  const decay: ForwardDecay = {
    landmarkMs: null,
    growth: (atMs) => {
      decay.landmarkMs ??= atMs;
      const halfLives = (atMs - decay.landmarkMs) / halfLifeMs;
      return 2 ** Math.min(halfLivesMax, Math.max(-halfLivesMax, halfLives));
    },
  };
  return decay;
};
