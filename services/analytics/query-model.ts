import { termInSql } from '#schemas/search-term';

/**
 * The sets of facts; a query is about one of them. What shoppers bought, and what they did; visits that have ended, at the
 * time of their last action; and products by the hour. The last two are what the windowed jobs write.
 */
export const datasets = ['sales', 'activity', 'visits', 'performance'] as const;

export type Dataset = (typeof datasets)[number];

export type Measure = {
  of: Dataset;
  description: string;
  /** Over the raw rows, `e`. */
  sql: string;
  /** Over the rollup's rows, `e`, where that can be computed from sums. */
  rollupSql?: string;
  /** Minor units: rows are by currency, also if the query does not ask for it. */
  isMoney?: true;
  /**
   * Over the raw rows, by what an order is as a whole: it is counted at its line 0. Where the query is by what its lines are,
   * the orders are counted by their ids, which a rollup does not have.
   */
  wholeOrdersSql?: string;
};

export type Dimension = {
  of: readonly Dataset[];
  type: 'text' | 'number';
  description: string;
  sql: Partial<Record<Dataset, string>>;
  /** The rollup has it under this expression. */
  rollupSql?: Partial<Record<Dataset, string>>;
  /** Lines of one order may differ in it. */
  isOfLine?: true;
  /** In these sets it needs the newest name and category of each product, `p`. */
  isOfProduct?: readonly Dataset[];
  /** Its values are UUIDs, which are stored in lower case. */
  isId?: true;
  /** It needs the offsets of the zone. */
  isOfClock?: true;
};

/** Every measure. An expression here is the only way of a measure's name into a statement. */
export const measures = {
  orders: {
    of: 'sales',
    description: 'Different confirmed orders.',
    sql: "uniqExactIf(e.order_key, e.kind = 'sale')",
    rollupSql: 'sum(e.orders)',
    wholeOrdersSql: "countIf(e.kind = 'sale' AND e.line = 0)",
  },
  lines: {
    of: 'sales',
    description: 'Order lines sold.',
    sql: "countIf(e.kind = 'sale')",
    rollupSql: 'sum(e.lines)',
  },
  units: {
    of: 'sales',
    description: 'Pieces sold minus pieces returned.',
    sql: 'sum(e.quantity)',
    rollupSql: 'sum(e.units)',
  },
  unitsSold: { of: 'sales', description: 'Pieces sold.', sql: "sumIf(e.quantity, e.kind = 'sale')" },
  unitsReturned: {
    of: 'sales',
    description: 'Pieces returned.',
    sql: "-sumIf(e.quantity, e.kind != 'sale')",
  },
  gross: {
    of: 'sales',
    description: 'Amount sold, minor units.',
    sql: "sumIf(e.amount_minor, e.kind = 'sale')",
    rollupSql: 'sum(e.gross)',
    isMoney: true,
  },
  refunds: {
    of: 'sales',
    description: 'Amount refunded, minor units, positive, when it was returned.',
    sql: "-sumIf(e.amount_minor, e.kind != 'sale')",
    rollupSql: 'sum(e.refunds)',
    isMoney: true,
  },
  net: {
    of: 'sales',
    description: 'Gross minus refunds, minor units.',
    sql: 'sum(e.amount_minor)',
    rollupSql: 'sum(e.net)',
    isMoney: true,
  },
  averageOrder: {
    of: 'sales',
    description: 'Gross by orders, minor units, rounded; null without an order.',
    sql: averageOf("sumIf(e.amount_minor, e.kind = 'sale')", "uniqExactIf(e.order_key, e.kind = 'sale')"),
    wholeOrdersSql: averageOf(
      "sumIf(e.amount_minor, e.kind = 'sale')",
      "countIf(e.kind = 'sale' AND e.line = 0)",
    ),
    isMoney: true,
  },
  buyers: {
    of: 'sales',
    description: 'Different accounts that ordered.',
    sql: "uniqExactIf(e.user_key, e.kind = 'sale' AND e.user_key != 0)",
  },
  productsSold: {
    of: 'sales',
    description: 'Different products sold.',
    sql: "uniqExactIf(e.product_id, e.kind = 'sale')",
  },
  events: {
    of: 'activity',
    description: 'Actions of shoppers.',
    sql: 'count()',
    rollupSql: 'sum(e.events)',
  },
  visits: { of: 'activity', description: 'Different visits.', sql: 'uniqExact(e.visit_key)' },
  visitors: {
    of: 'activity',
    description: 'Different logged-in accounts.',
    sql: 'uniqExactIf(e.user_key, e.user_key != 0)',
  },
  productsSeen: {
    of: 'activity',
    description: 'Different products acted on.',
    sql: 'uniqExact(e.product_id)',
  },
  views: ofType('product_viewed', 'Products viewed.'),
  additions: ofType('product_added', 'Additions to carts.'),
  removals: ofType('product_removed', 'Removals from carts.'),
  checkouts: ofType('checkout_started', 'Checkouts started.'),
  searches: ofType('products_searched', 'Searches.'),
  searchesWithoutResult: {
    of: 'activity',
    description: 'Searches that found nothing, of those that said how many products they found.',
    sql: "countIf(e.type = 'products_searched' AND e.results = 0)",
  },
  recommendationsShown: ofType('recommendation_shown', 'Recommended products shown.'),
  recommendationsClicked: ofType('recommendation_clicked', 'Recommended products clicked.'),
  endedVisits: { of: 'visits', description: 'Visits that have ended.', sql: 'count()' },
  visitsWithOrder: {
    of: 'visits',
    description: 'Of these, those with an order.',
    sql: 'countIf(e.orders > 0)',
  },
  abandonedCarts: {
    of: 'visits',
    description: 'Of these, those that left something in the cart and ordered nothing.',
    sql: 'countIf(e.abandoned)',
  },
  bounces: { of: 'visits', description: 'Of these, those of one action.', sql: 'countIf(e.actions = 1)' },
  visitActions: { of: 'visits', description: 'Actions in these visits.', sql: 'sum(e.actions)' },
  averageVisitSeconds: {
    of: 'visits',
    description: 'From the first action to the last, rounded; null without a visit.',
    sql: averageOf("sum(dateDiff('second', e.started_at, e.occurred_at))", 'count()'),
  },
  productViews: { of: 'performance', description: 'Views of products.', sql: 'sum(e.views)' },
  productAdditions: { of: 'performance', description: 'Additions to carts.', sql: 'sum(e.adds)' },
  productRemovals: { of: 'performance', description: 'Removals from carts.', sql: 'sum(e.removes)' },
  productLines: { of: 'performance', description: 'Order lines sold.', sql: 'sum(e.lines)' },
  productUnits: { of: 'performance', description: 'Pieces sold.', sql: 'sum(e.units)' },
  productUnitsReturned: { of: 'performance', description: 'Pieces returned.', sql: 'sum(e.returned_units)' },
  productGross: {
    of: 'performance',
    description: 'Amount sold, minor units.',
    sql: 'sum(e.gross_minor)',
    isMoney: true,
  },
  productRefunds: {
    of: 'performance',
    description: 'Amount refunded, minor units, positive.',
    sql: 'sum(e.refunded_minor)',
    isMoney: true,
  },
  averagePrice: {
    of: 'performance',
    description: 'Amount by pieces sold, minor units, rounded; null where nothing was.',
    sql: averageOf('sum(e.gross_minor)', 'sum(e.units)'),
    isMoney: true,
  },
  lowestPrice: {
    of: 'performance',
    description: 'The lowest price of a piece, minor units; null where nothing was sold.',
    sql: 'min(e.lowest_price_minor)',
    isMoney: true,
  },
  highestPrice: {
    of: 'performance',
    description: 'The highest price of a piece, likewise.',
    sql: 'max(e.highest_price_minor)',
    isMoney: true,
  },
} as const satisfies Record<string, Measure>;

function ofType(type: string, description: string): Measure {
  return {
    of: 'activity',
    description,
    sql: `countIf(e.type = '${type}')`,
    rollupSql: `sumIf(e.events, e.type = '${type}')`,
  };
}

/** Rounded half up, in whole numbers. */
function averageOf(amount: string, number: string): string {
  return `if(${number} = 0, NULL, intDiv(2 * ${amount} + ${number}, 2 * ${number}))`;
}

export type MeasureName = keyof typeof measures;

const ofProducts = ['sales', 'activity', 'performance'] as const;

/** Every dimension, likewise. */
export const dimensions = {
  currency: {
    of: ['sales', 'performance'],
    type: 'text',
    description: 'ISO 4217; null for what shoppers did with a product, which has none.',
    sql: { sales: 'toString(e.currency)', performance: 'toString(e.currency)' },
    rollupSql: { sales: 'toString(e.currency)' },
  },
  productId: {
    of: ofProducts,
    isOfLine: true,
    isId: true,
    type: 'text',
    description: 'Null for an action on no product.',
    sql: { sales: 'e.product_id', activity: 'e.product_id', performance: 'e.product_id' },
    rollupSql: { sales: 'e.product_id' },
  },
  productName: {
    of: ofProducts,
    isOfLine: true,
    type: 'text',
    description: 'The newest name of the product; empty if it is not known.',
    sql: { sales: 'p.name', activity: 'p.name', performance: 'p.name' },
    rollupSql: { sales: 'p.name' },
    isOfProduct: ofProducts,
  },
  category: {
    of: ofProducts,
    isOfLine: true,
    type: 'text',
    description: 'The path of the category: of sales as it was sold, else the newest.',
    sql: {
      sales: 'toString(e.category)',
      activity: 'toString(p.category)',
      performance: 'toString(p.category)',
    },
    isOfProduct: ['activity', 'performance'],
  },
  topCategory: {
    of: ofProducts,
    isOfLine: true,
    type: 'text',
    description: 'The first step of the category’s path.',
    sql: {
      sales: "toString(substringIndex(e.category, '/', 1))",
      activity: "splitByChar('/', toString(p.category))[1]",
      performance: "splitByChar('/', toString(p.category))[1]",
    },
    isOfProduct: ['activity', 'performance'],
  },
  brand: {
    of: ofProducts,
    isOfLine: true,
    type: 'text',
    description: 'The newest brand of the product; null without one.',
    sql: { sales: 'p.brand', activity: 'p.brand', performance: 'p.brand' },
    rollupSql: { sales: 'p.brand' },
    isOfProduct: ofProducts,
  },
  buyerType: {
    of: ['sales'],
    type: 'text',
    description: '`account` or `guest`.',
    sql: { sales: "if(e.user_id IS NULL, 'guest', 'account')" },
  },
  visitorType: {
    of: ['activity', 'visits'],
    type: 'text',
    description: '`account` or `anonymous`.',
    sql: {
      activity: "if(e.user_id IS NULL, 'anonymous', 'account')",
      visits: "if(e.user_id IS NULL, 'anonymous', 'account')",
    },
  },
  device: {
    of: ['activity', 'visits'],
    type: 'text',
    description:
      '`desktop`, `mobile` or `tablet`, of a visit that of its last action, and so of its order; null where it is not known.',
    sql: { activity: 'toString(e.device)', visits: 'toString(e.device)' },
  },
  outcome: {
    of: ['visits'],
    type: 'text',
    description: '`ordered`, `abandoned` (with something in the cart) or `left`.',
    sql: { visits: "multiIf(e.orders > 0, 'ordered', e.abandoned, 'abandoned', 'left')" },
  },
  entryProductId: {
    of: ['visits'],
    isId: true,
    type: 'text',
    description: 'The first product that the visit is about; null without one.',
    sql: { visits: 'e.entry_product_id' },
  },
  exitProductId: {
    of: ['visits'],
    isId: true,
    type: 'text',
    description: 'The last one, likewise.',
    sql: { visits: 'e.exit_product_id' },
  },
  type: {
    of: ['activity'],
    type: 'text',
    description: 'The type of the action, as in POST /api/events.',
    sql: { activity: 'toString(e.type)' },
    rollupSql: { activity: 'toString(e.type)' },
  },
  term: {
    of: ['activity'],
    type: 'text',
    description: 'The words of a search as `/searches` compares them; null for other actions.',
    sql: { activity: `if(e.query IS NULL, NULL, ${termInSql('e.query')})` },
  },
  recommendationId: {
    of: ['activity'],
    type: 'text',
    description: 'Null for other actions.',
    sql: { activity: 'e.recommendation_id' },
  },
  position: {
    of: ['activity'],
    type: 'number',
    description: 'Place in the list, from 0; null where there was none.',
    sql: { activity: 'e.position' },
  },
  hourOfDay: {
    of: datasets,
    type: 'number',
    description: '0 to 23, by the clocks of the zone.',
    ...ofClock('intDiv(modulo(LOCAL, 86400), 3600)'),
  },
  weekday: {
    of: datasets,
    type: 'number',
    description: '1 (Monday) to 7, in the zone.',
    ...ofClock('1 + modulo(intDiv(LOCAL, 86400) + 3, 7)'),
  },
} as const satisfies Record<string, Dimension>;

/** Local seconds since 1970, by the offset that holds since the last change of the zone's clocks. */
function ofClock(expression: string): Pick<Dimension, 'sql' | 'isOfClock'> {
  const at = 'toUnixTimestamp(e.occurred_at)';
  const local = `(toInt64(${at}) + {offsets:Array(Int32)}[indexOf({changes:Array(UInt32)}, roundDown(${at}, {changes:Array(UInt32)}))])`;
  const sql = expression.replace('LOCAL', local);
  return { sql: Object.fromEntries(datasets.map((of) => [of, sql])), isOfClock: true };
}

export type DimensionName = keyof typeof dimensions;

export const measureNames = Object.keys(measures) as [MeasureName, ...MeasureName[]];
export const dimensionNames = Object.keys(dimensions) as [DimensionName, ...DimensionName[]];

export const measureOf = (name: MeasureName): Measure => measures[name];
export const dimensionOf = (name: DimensionName): Dimension => dimensions[name];

/** Tests of a dimension's value against those of a filter; `{N:…}` is the filter's own parameter. */
export const operators = {
  equals: 'is one of the values',
  notEquals: 'is none of the values',
  contains: 'contains one of the values, without regard to capitals',
  startsWith: 'begins with one of the values',
  under: 'is one of the values as a path, or lies below it: home holds home/lighting',
  atLeast: 'is the value or more',
  atMost: 'is the value or less',
} as const;

export type Operator = keyof typeof operators;

export const operatorNames = Object.keys(operators) as [Operator, ...Operator[]];

const textTests: Partial<Record<Operator, (value: string, parameter: string) => string>> = {
  equals: (value, parameter) => `has({${parameter}:Array(String)}, ifNull(${value}, ''))`,
  notEquals: (value, parameter) => `NOT has({${parameter}:Array(String)}, ifNull(${value}, ''))`,
  contains: (value, parameter) =>
    `arrayExists(part -> positionCaseInsensitiveUTF8(ifNull(${value}, ''), part) > 0, {${parameter}:Array(String)})`,
  startsWith: (value, parameter) =>
    `arrayExists(part -> startsWith(ifNull(${value}, ''), part), {${parameter}:Array(String)})`,
  under: (value, parameter) =>
    `arrayExists(part -> ifNull(${value}, '') = part OR startsWith(ifNull(${value}, ''), concat(part, '/')), {${parameter}:Array(String)})`,
};

const numberTests: Partial<Record<Operator, (value: string, parameter: string) => string>> = {
  equals: (value, parameter) => `ifNull(has({${parameter}:Array(Int64)}, toInt64(${value})), 0)`,
  notEquals: (value, parameter) => `NOT ifNull(has({${parameter}:Array(Int64)}, toInt64(${value})), 0)`,
  atLeast: (value, parameter) => `ifNull(${value} >= {${parameter}:Array(Int64)}[1], 0)`,
  atMost: (value, parameter) => `ifNull(${value} <= {${parameter}:Array(Int64)}[1], 0)`,
};

export const testsOf = (type: 'text' | 'number') => (type === 'text' ? textTests : numberTests);

/** The model as rows, for those who read it. */
export const modelRows = (): ModelRow[] => [
  ...measureNames.map((name) => {
    const { of, description, isMoney } = measureOf(name);
    const tests = testsOf('number');
    return {
      name,
      kind: 'measure' as const,
      datasets: [of],
      type: isMoney ? ('money' as const) : ('number' as const),
      operators: operatorNames.filter((operator) => tests[operator] !== undefined),
      description,
    };
  }),
  ...dimensionNames.map((name) => {
    const { of, description, type } = dimensionOf(name);
    const tests = testsOf(type);
    return {
      name,
      kind: 'dimension' as const,
      datasets: [...of],
      type,
      operators: operatorNames.filter((operator) => tests[operator] !== undefined),
      description,
    };
  }),
];

export type ModelRow = {
  name: string;
  kind: 'measure' | 'dimension';
  datasets: Dataset[];
  type: 'money' | 'number' | 'text';
  operators: Operator[];
  description: string;
};
