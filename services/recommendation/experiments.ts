import { type ArmModel, bucketOf, bucketsOf, codeOf, type Experiment } from '#schemas/experiments';

export type Visitor = { visitId: string | undefined; userId: string | undefined };

/** The arm of a list; `code` is the experiment's in the list's label. */
export type Assignment = {
  code: number;
  arm: number;
  model: ArmModel;
  /** The models of both arms where the list mixes them, else null. */
  mixes: readonly [ArmModel, ArmModel] | null;
};

/**
 * Assigns visitors to arms. The same visitor gets the same arm in every process, because it depends on ids alone. Null for
 * a list that no experiment is about.
 */
export const createAssignments = (experiments: () => readonly Experiment[]) => {
  let of: readonly Experiment[] | undefined;
  let byScenario = new Map<string, Running[]>();
  return (scenario: string, visitor: Visitor): Assignment | null => {
    const current = experiments();
    if (current !== of) {
      of = current;
      byScenario = runningByScenario(current);
    }
    for (const experiment of byScenario.get(scenario) ?? []) {
      const unitId = experiment.unit === 'visit' ? visitor.visitId : visitor.userId;
      if (unitId === undefined) continue;
      const bucket = bucketOf(experiment.id, unitId);
      const arm = experiment.buckets.findIndex(({ to }) => bucket < to);
      const model = experiment.models[arm];
      if (model !== undefined) return { code: experiment.code, arm, model, mixes: experiment.mixes };
    }
    return null;
  };
};

type Running = Pick<Experiment, 'id' | 'unit'> & {
  code: number;
  buckets: ReturnType<typeof bucketsOf>;
  models: readonly ArmModel[];
  mixes: Assignment['mixes'];
};

const runningByScenario = (experiments: readonly Experiment[]): Map<string, Running[]> => {
  const found = new Map<string, Running[]>();
  for (const experiment of experiments.filter(({ isRunning }) => isRunning)) {
    const { id, unit, arms, scenarios, design } = experiment;
    const [first, second] = arms.map((arm) => arm.model);
    const running = {
      id,
      unit,
      code: codeOf(id),
      buckets: bucketsOf(experiment),
      models: arms.map((arm) => arm.model),
      mixes: design === 'interleave' && first && second ? ([first, second] as const) : null,
    };
    for (const scenario of scenarios) found.set(scenario, [...(found.get(scenario) ?? []), running]);
  }
  return found;
};
