// The certified provider for one test: a client, one person, and the password page of its own development mode.
import { Provider } from "oidc-provider";

const [port, redirect] = process.argv.slice(2);
const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [{ client_id: "studio", client_secret: "studio-secret-for-one-test-only", redirect_uris: [redirect] }],
  pkce: { required: () => true },
  claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name"] },
  scopes: ["openid", "email", "profile"],
  cookies: { keys: ["one-test-only"] },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, email: `${id}@example.org`, email_verified: true, name: "Mira Kessler" }),
  }),
});
provider.listen(Number(port), "127.0.0.1", () => console.log("ready"));
