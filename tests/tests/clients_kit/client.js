// What a script does that was written for Heroku with heroku-client: argv is the API's address, a token, and the port
// of a web server that takes everything.
'use strict'

const Heroku = require('heroku-client')

const [host, token, hook] = process.argv.slice(2)
const heroku = new Heroku({ host, token })
const say = (what, ...values) => console.log(`${what}:`, ...values.map((one) => JSON.stringify(one)))
const refused = (what, asked) => asked.then(
  () => say(what, 'done'),
  (error) => say(what, error.statusCode, error.body.id)
)
const shop = (path) => `/apps/shop${path}`

async function main () {
  say('account', (await heroku.get('/account')).email)
  const made = await heroku.post('/apps', { body: { name: 'store', stack: 'slugline', region: 'us' } })
  say('created', made.name, made.stack.name, made.owner.email)
  say('apps', (await heroku.get('/apps')).map((app) => app.name))
  say('app', (await heroku.get(`/apps/${made.id}`)).name)
  await refused('rename', heroku.patch('/apps/store', { body: { name: 'other' } }))
  say('maintenance', (await heroku.patch('/apps/store', { body: { maintenance: true } })).maintenance)
  say('deleted', (await heroku.delete('/apps/store')).name)
  await refused('it is gone', heroku.get('/apps/store'))

  say('config', await heroku.patch(shop('/config-vars'), { body: { GREETING: 'hello', SIZE: '1' } }))
  say('config', await heroku.patch(shop('/config-vars'), { body: { SIZE: null } }))
  say('config', await heroku.get(shop('/config-vars')))

  const newest = { Range: 'version ..; max=2, order=desc' }
  const releases = await heroku.get(shop('/releases'))
  say('releases', releases.map((one) => `v${one.version} ${one.description}`))
  const last = await heroku.get(shop('/releases'), { headers: { ...newest }, partial: true })
  say('the last two', last.map((one) => one.version))
  const all = await heroku.get(shop('/releases'), { headers: { ...newest } })
  say('in parts of two', all.map((one) => one.version))
  say('release', (await heroku.get(shop('/releases/2'))).user.email)
  const back = await heroku.post(shop('/releases'), { body: { release: releases[0].id } })
  say('rollback', back.version, back.description)
  await refused('to none', heroku.post(shop('/releases'), { body: { release: 'v99' } }))

  const addon = await heroku.post(shop('/addons'), {
    body: { plan: 'deployhooks:http', config: { url: 'http://127.0.0.1:9/' } }
  })
  say('addon', addon.plan.name, addon.state)
  say('addons', (await heroku.get(shop('/addons'))).map((one) => one.plan.name).sort())
  say('plans', (await heroku.get('/addon-services/releases/plans')).map((one) => one.name).sort())
  await refused('not confirmed', heroku.delete(shop(`/addons/${addon.id}`)))
  const gone = await heroku.delete(shop(`/addons/${addon.id}`), { body: { confirm: 'shop' } })
  say('removed', gone.state)

  say('formation', (await heroku.get(shop('/formation'))).map((one) => [one.type, one.quantity]))
  const scaled = await heroku.patch(shop('/formation'), { body: { updates: [{ type: 'web', quantity: 2 }] } })
  say('scaled', scaled[0].quantity)
  say('one', (await heroku.patch(shop('/formation/web'), { body: { quantity: 1 } })).quantity)
  say('dynos', (await heroku.get(shop('/dynos'))).map((one) => one.name).sort())
  say('restarted', await heroku.delete(shop('/dynos')))

  say('domain', (await heroku.post(shop('/domains'), { body: { hostname: 'www.example.com' } })).hostname)
  say('domains', (await heroku.get(shop('/domains'))).map((one) => one.hostname).sort())
  say('removed', (await heroku.delete(shop('/domains/www.example.com'))).kind)
  await heroku.post(shop('/collaborators'), { body: { user: 'ann@example.com' } })
  say('collaborators', (await heroku.get(shop('/collaborators'))).map((one) => one.user.email))
  say('removed', (await heroku.delete(shop('/collaborators/ann@example.com'))).user.email)

  const ran = await heroku.post(shop('/dynos'), { body: { command: 'echo hello', attach: false } })
  say('run', ran.type, ran.attach_url)
  const read = async () => {
    const session = await heroku.post(shop('/log-sessions'), { body: { lines: 5, dyno: ran.name } })
    const text = await (await fetch(session.logplex_url)).text()
    return text.includes('app[run.1]: hello') || read()
  }
  say('logs', await read())
  const webhooks = { accept: 'application/vnd.heroku+json; version=3.webhooks' }
  const url = `http://127.0.0.1:${hook}/`
  const webhook = await heroku.post(shop('/webhooks'), {
    headers: { ...webhooks }, body: { include: ['api:release'], level: 'notify', url }
  })
  say('webhook', webhook.include, webhook.level)
  say('webhooks', (await heroku.get(shop('/webhooks'), { headers: { ...webhooks } })).length)
  say('removed', (await heroku.delete(shop(`/webhooks/${webhook.id}`))).include)
  say('remaining', (await heroku.get('/account/rate-limits')).remaining > 0)
  await refused('a token that is none', new Heroku({ host, token: 'slg_none' }).get('/account'))
}

main().catch((error) => {
  console.error(error, error.body)
  process.exitCode = 1
})
