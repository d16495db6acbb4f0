import { CoverPicture } from '../../cover/cover.tsx';
import { Skeleton } from '../../kit/skeleton.tsx';
import { type Product, useProducts } from './products.ts';

type Known = { isAsking: boolean; byId: ReadonlyMap<string, Product> };

/** The products of a cart or an order, whose lines have no more than their ids and names. */
export const useKnownProducts = (ids: readonly string[]): Known => {
  const { data, isFetching } = useProducts(ids, { keepsPrevious: true });
  return { isAsking: isFetching, byId: new Map(data?.map((product) => [product.id, product])) };
};

/** The cover of a line: the same one as on the shelf, and so not drawn before the product's category is known. */
export const OrderedCover = ({
  known: { isAsking, byId },
  line: { productId, name },
  className,
}: {
  known: Known;
  line: { productId: string; name: string };
  className: string;
}) => {
  const product = byId.get(productId);
  if (product === undefined && isAsking) return <Skeleton className={`aspect-4/5 ${className}`} />;
  return (
    <CoverPicture
      product={{ id: productId, name, category: product?.category ?? '' }}
      image={product?.images[0]}
      className={className}
    />
  );
};
