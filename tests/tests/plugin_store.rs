//! The store that a plugin may ask for: what one command's hook kept, the next command's finds.

use slugline_tests::with_app;

#[test]
fn what_a_hook_keeps_is_there_for_the_next_command() {
    let environment = with_app(None);
    let folder = environment.home().join("plugins/counting");
    std::fs::create_dir_all(&folder).unwrap();
    let manifest = "name: counting\nversion: 1.0.0\napi: 1\nsummary: Counts.\nentry: init.lua\n\
                    permissions: { store: true }\nhooks: [release.check]\n";
    let script = "slugline.on('release.check', function()\n\
                  local count = tonumber(slugline.store.get('count') or '0') + 1\n\
                  slugline.store.set('count', tostring(count))\n\
                  if count == 3 then slugline.deny('this is change ' .. count) end\nend)\n";
    std::fs::write(folder.join("plugin.yaml"), manifest).unwrap();
    std::fs::write(folder.join("init.lua"), script).unwrap();
    drop(
        environment
            .run(["plugins:update", "counting", "--yes"])
            .success(),
    );
    for value in ["A=1", "A=2"] {
        let _ = environment.run(["config:add", value]).success();
    }
    let refused = environment.run(["config:add", "A=3"]).fails(1);
    assert_eq!(refused.stderr, " !    counting: this is change 3\n");
    let _ = environment.run(["config:add", "A=4"]).success();
}
