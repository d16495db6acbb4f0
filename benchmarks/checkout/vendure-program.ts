/**
 * Vendure 3 as a peer of a checkout, with the least configuration that its documentation allows: PostgreSQL, its own
 * job queue in it, the dummy payment handler, which settles at once and calls nobody. It has no search, no e-mail, no
 * assets and no dashboard. Its one argument is a `VendurePlan` as JSON. `populate` creates the schema and the products
 * and ends; `server` prints its URL and `worker` the word `worker` when they are up.
 */
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

export type VendurePlan = {
  role: 'populate' | 'server' | 'worker';
  /** Where `@vendure/core` is installed. */
  packages: string;
  databaseUrl: string;
  poolMax: number;
  /** For `populate`: the stock of each product by its SKU. */
  stockBySku?: Record<string, number>;
};

type App = { close(): Promise<void>; getHttpServer(): { address(): AddressInfo } };

/** What this program uses of `@vendure/core`, which is no dependency of the project and so has no types here. */
type VendureCore = {
  bootstrap(config: object): Promise<App>;
  bootstrapWorker(config: object): Promise<{ startJobQueue(): Promise<unknown> }>;
  DefaultJobQueuePlugin: object;
  DefaultLogger: new (options: { level: number }) => object;
  LogLevel: { Error: number };
  dummyPaymentHandler: object;
};
type Populate = (bootstrap: () => Promise<App>, initialData: object, productsCsvPath: string) => Promise<App>;

const plan = JSON.parse(process.argv[2] ?? '{}') as VendurePlan;
const load = createRequire(join(plan.packages, 'package.json'));
const core = load('@vendure/core') as VendureCore;
const { populate } = load('@vendure/core/cli') as { populate: Populate };

const database = new URL(plan.databaseUrl);
const config = {
  apiOptions: {
    hostname: '127.0.0.1',
    port: 0,
    adminApiPath: 'admin-api',
    shopApiPath: 'shop-api',
    introspection: false,
  },
  authOptions: { tokenMethod: 'bearer', superadminCredentials: { identifier: 'bench', password: 'bench' } },
  logger: new core.DefaultLogger({ level: core.LogLevel.Error }),
  dbConnectionOptions: {
    type: 'postgres',
    host: database.hostname,
    port: Number(database.port),
    username: database.username,
    password: database.password,
    database: database.pathname.slice(1),
    poolSize: plan.poolMax,
    synchronize: plan.role === 'populate',
    logging: false,
  },
  importExportOptions: { importAssetsDir: plan.packages },
  paymentOptions: { paymentMethodHandlers: [core.dummyPaymentHandler] },
  plugins: [core.DefaultJobQueuePlugin],
};

const initialData = {
  defaultLanguage: 'en',
  defaultZone: 'Europe',
  countries: [{ code: 'GB', name: 'United Kingdom', zone: 'Europe' }],
  taxRates: [{ name: 'Standard Tax', percentage: 20 }],
  shippingMethods: [{ name: 'Standard Shipping', price: 500 }],
  paymentMethods: [
    {
      name: 'Dummy',
      handler: {
        code: 'dummy-payment-handler',
        arguments: [{ name: 'automaticSettle', value: 'true' }],
      },
    },
  ],
  collections: [],
};

const csvOf = (stockBySku: Record<string, number>): string =>
  [
    'name,slug,description,assets,facets,optionGroups,optionValues,sku,price,taxCategory,stockOnHand,trackInventory,variantAssets,variantFacets',
    ...Object.entries(stockBySku).map(
      ([sku, stock]) => `${sku},${sku},A product,,,,,${sku},19.99,standard,${stock},true,,`,
    ),
  ].join('\n');

switch (plan.role) {
  case 'populate': {
    const csv = join(plan.packages, `products-${process.pid}.csv`);
    writeFileSync(csv, csvOf(plan.stockBySku ?? {}));
    const app = await populate(() => core.bootstrap(config), initialData, csv);
    await app.close();
    process.exit(0);
    break;
  }
  case 'server': {
    const app = await core.bootstrap(config);
    console.log(`http://127.0.0.1:${app.getHttpServer().address().port}`);
    break;
  }
  case 'worker': {
    const worker = await core.bootstrapWorker(config);
    await worker.startJobQueue();
    console.log('worker');
  }
}
