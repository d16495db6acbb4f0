/** Where every simulated shopper lives. */
export const shippingAddress = {
  name: 'Sim Shopper',
  line1: '1 Test Street',
  city: 'London',
  postalCode: 'N1 1AA',
  country: 'GB',
};
