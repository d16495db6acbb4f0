import { Link } from '@tanstack/react-router';
import { query } from '../../api/client.ts';
import { useUser } from '../../api/login.ts';
import { CoverPicture } from '../../cover/cover.tsx';
import { buttonClasses } from '../../kit/button.tsx';
import { useCategories } from '../catalogue/categories.ts';
import { type Product, useProducts } from '../catalogue/products.ts';
import { type Question, Shelf, useRecommendations } from '../recommendations/shelf.tsx';
import { Page } from '../shell/page.tsx';

/** Each shelf leaves out what stands above it. */
export const HomePage = () => {
  const user = useUser();
  const mine: Question = { scenario: 'home' };
  const first = useRecommendations(mine);
  const shownFirst = first.data?.items.map(({ productId }) => productId) ?? [];
  const isFirstDone = first.isSuccess || first.isError;
  const everybody: Question = { scenario: 'trending', exclude: shownFirst };
  const second = useRecommendations(everybody, isFirstDone);
  const shownSecond = second.data?.items.map(({ productId }) => productId) ?? [];
  return (
    <Page title="Cartstream" isTitleHidden>
      <div className="flex flex-col gap-14">
        <Opening ids={shownFirst} />
        <Shelf
          title={user ? `For you, ${user.name.split(' ')[0]}` : 'Picked for this visit'}
          question={mine}
          about="Popular just now. This shelf follows what you look at."
        />
        {user && (
          <Shelf
            title="Once more?"
            question={{ scenario: 'reorder', limit: 8 }}
            about="You have bought these before."
          />
        )}
        <Shelf
          title="What everybody looks at"
          question={everybody}
          isWanted={isFirstDone}
          about="More and more visitors look at these and buy them."
        />
        <CategoryTiles />
        <Shelf
          title="Just arrived"
          about="New on the shelves in the last thirty days."
          question={{ scenario: 'new-arrivals', exclude: [...shownFirst, ...shownSecond] }}
          isWanted={isFirstDone && (second.isSuccess || second.isError)}
        />
      </div>
    </Page>
  );
};

const fanMax = 5;

/** What stands on the shelf below, one product of each kind first, so that the fan shows how much there is. */
const ofManyKinds = (products: readonly Product[]): readonly Product[] => {
  const kinds = new Set<string>();
  const isFirst = ({ category }: Product): boolean => {
    const [root = ''] = category.split('/');
    const isNew = !kinds.has(root);
    kinds.add(root);
    return isNew;
  };
  const firsts = products.filter(isFirst);
  return [...firsts, ...products.filter((product) => !firsts.includes(product))];
};

/** One large block: a sentence, a way in, and a fan of covers that are as much the shop's face as its name. */
const Opening = ({ ids }: { ids: readonly string[] }) => {
  const { data: featured } = query.useQuery('get', '/api/products/featured', {
    params: { query: { limit: fanMax } },
  });
  const { data: recommended } = useProducts(
    featured !== undefined && featured.items.length < fanMax && ids.length >= fanMax ? ids : undefined,
  );
  const products =
    featured && featured.items.length >= fanMax ? featured.items : ofManyKinds(recommended ?? []);
  return (
    <section
      aria-label="Welcome"
      className="grid items-center gap-8 overflow-hidden rounded-3xl bg-hero text-hero-ink md:grid-cols-[1.05fr_1fr]"
    >
      <div className="min-w-0 px-6 pt-10 md:py-16 md:pl-12">
        <p className="font-display text-[2.6rem] leading-[1.05] sm:text-6xl">
          Small things
          <br />
          worth giving.
        </p>
        <p className="mt-4 max-w-md text-lg">
          A shop of little presents. The shelves below rearrange themselves while you look.
        </p>
        <div className="mt-7 flex flex-wrap gap-3">
          <Link
            to="/products"
            search={{ sort: 'popularity' }}
            className={buttonClasses('primary', 'large', 'bg-accent! text-accent-ink! hover:brightness-105')}
          >
            See the favourites
          </Link>
        </div>
      </div>
      <Fan products={products.slice(0, fanMax)} />
    </section>
  );
};

const turns = ['-rotate-12', '-rotate-6', 'rotate-0', 'rotate-6', 'rotate-12'];
const drops = ['translate-y-10', 'translate-y-3', '', 'translate-y-3', 'translate-y-10'];

const Fan = ({ products }: { products: readonly Product[] }) => (
  <div className="flex h-56 min-w-0 justify-center self-end pt-6 sm:h-64 md:h-88 md:pr-8">
    {products.map((product, place) => (
      <Link
        key={product.id}
        to="/products/$productId"
        params={{ productId: product.id }}
        aria-label={product.name}
        className={`rise-in -mx-6 w-24 shrink-0 origin-bottom transition-transform duration-200 hover:z-10 hover:scale-105 focus-visible:z-10 sm:-mx-5 sm:w-32 md:-mx-7 md:w-24 lg:-mx-9 lg:w-32 xl:-mx-11 xl:w-40 ${turns[place]} ${drops[place]}`}
      >
        <CoverPicture product={product} image={product.images[0]} className="rounded-xl shadow-float" />
      </Link>
    ))}
  </div>
);

const CategoryTiles = () => {
  const { data } = useCategories();
  if (data === undefined || data.items.length === 0) return null;
  return (
    <section aria-labelledby="tiles">
      <h2 id="tiles" className="mb-4 font-display text-2xl sm:text-[1.7rem]">
        Browse by shelf
      </h2>
      <ul className="grid auto-rows-fr grid-cols-2 gap-3 sm:grid-cols-3 lg:grid-cols-4">
        {data.items.slice(0, 12).map(({ path, name, children }) => (
          <li key={path}>
            <Link
              to="/categories/$"
              params={{ _splat: path }}
              className="flex h-full min-h-20 flex-col justify-center rounded-xl border border-line bg-surface px-5 py-3 transition-colors hover:border-line-strong hover:bg-sunken"
            >
              <span className="font-display text-lg">{name}</span>
              <span className="line-clamp-2 text-ink-soft text-sm leading-snug">
                {children.length > 0
                  ? children
                      .slice(0, 3)
                      .map((child, place) => (place === 0 ? child.name : child.name.toLowerCase()))
                      .join(', ')
                  : 'All of it'}
              </span>
            </Link>
          </li>
        ))}
      </ul>
    </section>
  );
};
