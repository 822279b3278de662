// The guide's dashboard for a service that faces the world: who asks is proved first, and both flags are one batch.
//
// The guide's route evaluates as whoever its path names, so that anybody can see what anybody is served. Here a signed session says who
// asks; in your service that is whatever signs people in already. `server.js` beside this is the guide's program as it stands.

const { createHmac, timingSafeEqual } = require('node:crypto');
const express = require('express');
const FeatureFlagsClient = require('jackstaff');

const sessionKey = process.env.SESSION_KEY;
if (!sessionKey) throw new Error('SESSION_KEY is not set: it signs the sessions');
const flags = FeatureFlagsClient.fromEnv();
const app = express();

/** Whose session it is (`Authorization: Bearer USER.SIGNATURE`), into `req.user`. */
function signedIn(req, res, next) {
  const session = (req.get('authorization') ?? '').replace(/^Bearer /, '');
  const dot = session.lastIndexOf('.');
  const user = session.slice(0, Math.max(dot, 0));
  const want = Buffer.from(createHmac('sha256', sessionKey).update(user).digest('hex'));
  const got = Buffer.from(session.slice(dot + 1));
  if (!user || got.length !== want.length || !timingSafeEqual(got, want)) {
    res.set('WWW-Authenticate', 'Bearer').status(401).json({ error: 'sign in first' });
    return;
  }
  req.user = user;
  next();
}

app.get('/api/users/:userId/dashboard', signedIn, async (req, res) => {
  if (req.params.userId !== req.user) {
    res.status(403).json({ error: "this is somebody else's dashboard" });
    return;
  }
  const answers = await flags.batchEvaluate(['new_ui', 'dark_mode'], req.user);
  res.json({ template: answers.new_ui ? 'new_dashboard' : 'old_dashboard', darkMode: answers.dark_mode });
});

const server = app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}`));
process.on('SIGTERM', () => server.close(() => flags.close()));
