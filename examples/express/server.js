const express = require('express');
const FeatureFlagsClient = require('jackstaff/featureFlagsClient');

const app = express();
const ffClient = new FeatureFlagsClient({
    configServiceUrl: process.env.CONFIG_SERVICE_URL,
    environment: process.env.ENVIRONMENT || 'development'
});

app.get('/api/users/:userId/dashboard', async (req, res) => {
    const { userId } = req.params;
    
    const newUi = await ffClient.isEnabled('new_ui', userId, false);
    const darkMode = await ffClient.isEnabled('dark_mode', userId, false);
    
    if (newUi) {
        res.json({ template: 'new_dashboard', darkMode });
    } else {
        res.json({ template: 'old_dashboard', darkMode });
    }
});

// The guide leaves these two lines to the reader.
const server = app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}`));
process.on('SIGTERM', () => server.close(() => ffClient.close()));
