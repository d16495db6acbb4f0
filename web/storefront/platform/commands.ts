export type Commands = { title: string; lines: string };

const json = `-H 'content-type: application/json'`;

/** Lines for any shell that has curl, to be pasted one paragraph after the other. */
export const commandsFor = (shop: string): readonly Commands[] => {
  const named = `SHOP=${shop}\n`;
  return [
    { title: 'Browse', lines: `${named}curl -s "$SHOP/api/products?limit=3"` },
    {
      title: 'Buy something, without an account',
      lines: `${named}PRODUCT=$(
  curl -s "$SHOP/api/products/search?q=teacup&inStock=true&limit=1" \\
  | grep -o '"id":"[^"]*"' | head -1 | cut -d'"' -f4)
ORDER=$(curl -s "$SHOP/api/orders" \\
  ${json} \\
  -H "idempotency-key: $RANDOM$RANDOM" \\
  -d '{
    "email": "ada@example.com",
    "items": [{ "productId": "'$PRODUCT'", "quantity": 1 }],
    "shippingAddress": { "name": "Ada", "line1": "1 Engine Row",
      "city": "London", "postalCode": "N1", "country": "GB" },
    "payment": { "method": "card", "token": "tok_ok" } }')
echo "$ORDER"`,
    },
    {
      title: 'Follow the order until it is confirmed',
      lines: `${named}ID=$(echo "$ORDER" | grep -o '"id":"[^"]*"' | cut -d'"' -f4)
TOKEN=$(echo "$ORDER" | grep -o '"orderToken":"[^"]*"' | cut -d'"' -f4)
curl -sN "$SHOP/api/orders/$ID/stream" \\
  -H "x-order-token: $TOKEN" \\
  | sed -un '/^data:/{s/.*"status":"//;s/".*//;p}'`,
    },
    {
      title: 'Report that somebody looked at it, and ask what goes with it',
      lines: `${named}curl -s "$SHOP/api/events" \\
  ${json} -d '{ "events": [{
  "type": "product_viewed", "visitId": "my-visit",
  "productId": "'$PRODUCT'",
  "occurredAt": "'$(date -u +%Y-%m-%dT%H:%M:%SZ)'" }] }'
curl -s "$SHOP/api/recommendations?scenario=product&productId=$PRODUCT&limit=5"`,
    },
  ];
};
