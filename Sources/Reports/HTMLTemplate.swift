extension HTMLPage {
  static let template = """
    <!DOCTYPE html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>{{file}} – Kerf report</title>
    <style>
    :root { color-scheme: light dark; --line: #8884; --bar: #4a90d933; }
    body { font: 15px/1.45 system-ui, sans-serif; max-width: 75rem; margin: 2rem auto; padding: 0 1rem; }
    h1 { margin-bottom: .2rem; overflow-wrap: anywhere; } h2 { margin-top: 2rem; font-size: 1.15rem; }
    code { font-size: .8rem; overflow-wrap: anywhere; } .scroll { overflow-x: auto; }
    table { border-collapse: collapse; font-size: .9rem; }
    th, td { text-align: left; padding: .25rem .8rem .25rem .3rem; border-bottom: 1px solid var(--line); vertical-align: top; }
    td { overflow-wrap: anywhere; } .number { text-align: right; white-space: nowrap; }
    .bar { background: linear-gradient(to right, var(--bar) var(--share), transparent var(--share)); }
    </style>
    </head>
    <body>
    <h1>{{file}}</h1>
    <p>opset {{opset}} · target {{target}} · kerf {{version}}<br>
    {{#memory}}{{memory}}<br>{{/memory}}<code>sha256 {{sha256}}</code></p>
    {{#warnings}}<p><strong>Warning:</strong> {{.}}</p>
    {{/warnings}}
    {{#tables}}
    {{#title}}<h2>{{title}}</h2>{{/title}}
    <div class="scroll"><table>
    <thead><tr>{{#head}}<th{{#isNumber}} class="number"{{/isNumber}}>{{text}}</th>{{/head}}</tr></thead>
    <tbody>
    {{#rows}}
    <tr>{{#cells}}<td{{#isNumber}} class="number"{{/isNumber}}{{#share}} class="bar" style="--share:{{share}}%"{{/share}}>{{text}}</td>{{/cells}}</tr>
    {{/rows}}
    </tbody>
    </table></div>
    {{/tables}}
    </body>
    </html>

    """
}
