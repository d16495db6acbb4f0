/** A guest of Vendure's shop API: the requests of one checkout in the order in which a storefront sends them. */

export type Answer = { status: number; text: string; headers: Record<string, string | string[] | undefined> };
export type Post = (path: string, body: string, headers: Record<string, string>) => Promise<Answer>;

const path = '/shop-api';
const refused = '... on ErrorResult { errorCode message }';

const address = {
  fullName: 'Ada',
  streetLine1: '1 Engine Row',
  city: 'London',
  postalCode: 'N1',
  countryCode: 'GB',
};

const mutations = {
  addItem: `mutation A($id: ID!, $quantity: Int!) { result: addItemToOrder(productVariantId: $id, quantity: $quantity)
    { __typename ${refused} } }`,
  setCustomer: `mutation C($input: CreateCustomerInput!) { result: setCustomerForOrder(input: $input)
    { __typename ${refused} } }`,
  setAddress: `mutation S($input: CreateAddressInput!) { result: setOrderShippingAddress(input: $input)
    { __typename ${refused} } }`,
  setShipping: `mutation M($ids: [ID!]!) { result: setOrderShippingMethod(shippingMethodId: $ids)
    { __typename ${refused} } }`,
  arrange: `mutation T { result: transitionOrderToState(state: "ArrangingPayment") { __typename ${refused} } }`,
  pay: `mutation P($input: PaymentInput!) { result: addPaymentToOrder(input: $input)
    { __typename ... on Order { code state } ${refused} } }`,
};

type Result = { __typename: string; state?: string; errorCode?: string; message?: string };

/** The state of the order after its payment, or the code of the first refusal. */
export const buyFromVendure = async (
  post: Post,
  {
    variantIds,
    shippingMethodId,
    email,
  }: { variantIds: readonly string[]; shippingMethodId: string; email: string },
): Promise<string> => {
  let token: string | undefined;
  const mutate = async (query: string, variables: object): Promise<Result> => {
    const answer = await post(
      path,
      JSON.stringify({ query, variables }),
      token === undefined ? {} : { authorization: `Bearer ${token}` },
    );
    token ??= String(answer.headers['vendure-auth-token'] ?? '') || undefined;
    const { data, errors } = JSON.parse(answer.text) as {
      data?: { result: Result };
      errors?: { message: string }[];
    };
    if (!data?.result) throw new Error(`Vendure: ${answer.status} ${errors?.[0]?.message ?? answer.text}`);
    return data.result;
  };
  const steps: [string, object][] = [
    ...variantIds.map((id): [string, object] => [mutations.addItem, { id, quantity: 1 }]),
    [mutations.setCustomer, { input: { firstName: 'Ada', lastName: 'Byron', emailAddress: email } }],
    [mutations.setAddress, { input: address }],
    [mutations.setShipping, { ids: [shippingMethodId] }],
    [mutations.arrange, {}],
    [mutations.pay, { input: { method: 'dummy', metadata: {} } }],
  ];
  let last: Result = { __typename: 'none' };
  for (const [query, variables] of steps) {
    last = await mutate(query, variables);
    if (last.errorCode !== undefined) return last.errorCode;
  }
  return last.state ?? last.__typename;
};
