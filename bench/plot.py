"""A line plot as SVG, with nothing but the standard library."""
import html


def ticks(largest, wanted=5):
    """Round numbers from 0 up to the first that is not below `largest`."""
    step = 10.0 ** (len(str(int(largest))) - 1) if largest >= 1 else 0.1
    for part in (0.1, 0.2, 0.5, 1, 2, 5):
        if largest / (step * part) <= wanted:
            step *= part
            break
    return [step * i for i in range(int(largest / step - 1e-9) + 2)]


def plot(path, title, x_label, y_label, points, line=None):
    """`points` are (x, least, median, largest); `line` is a slope through 0 that they are held against, and what it is called."""
    width, height, left, bottom, top, right = 640, 360, 64, 48, 40, 16
    x_ticks, y_ticks = ticks(max(x for x, *_ in points)), ticks(max(high for *_, high in points))

    def place(x, y):
        return left + x / x_ticks[-1] * (width - left - right), height - bottom - y / y_ticks[-1] * (height - top - bottom)

    shapes = []

    def text(x, y, words, anchor="middle", more=""):
        shapes.append(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{more}>{html.escape(words)}</text>')

    def stroke(a, b, style):
        shapes.append(f'<line x1="{a[0]:.1f}" y1="{a[1]:.1f}" x2="{b[0]:.1f}" y2="{b[1]:.1f}" {style}/>')

    for x in x_ticks:
        stroke(place(x, 0), place(x, y_ticks[-1]), 'stroke="#ddd"')
        text(place(x, 0)[0], height - bottom + 16, f"{x:g}")
    for y in y_ticks:
        stroke(place(0, y), place(x_ticks[-1], y), 'stroke="#ddd"')
        text(left - 8, place(0, y)[1] + 4, f"{y:g}", "end")
    if line:
        slope, words = line
        reach = min(x_ticks[-1], y_ticks[-1] / slope)
        stroke(place(0, 0), place(reach, reach * slope), 'stroke="#999" stroke-dasharray="6 4"')
        text(*place(reach * 0.98, reach * slope * 0.98), words, "end", ' dy="-8" fill="#666"')
    for x, low, _, high in points:
        stroke(place(x, low), place(x, high), 'stroke="#2b6cb0" stroke-width="2"')
    shapes.append('<polyline fill="none" stroke="#2b6cb0" stroke-width="2" points="' + " ".join(f"{a:.1f},{b:.1f}" for a, b in (place(x, y) for x, _, y, _ in points)) + '"/>')
    for x, _, y, _ in points:
        shapes.append('<circle cx="{:.1f}" cy="{:.1f}" r="3.5" fill="#2b6cb0"/>'.format(*place(x, y)))
    text(width / 2, 22, title, more=' font-size="15" font-weight="bold"')
    text(width / 2, height - 10, x_label)
    text(16, height / 2, y_label, more=f' transform="rotate(-90 16 {height / 2:.0f})"')
    path.write_text(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">\n'
                    f'<rect width="{width}" height="{height}" fill="white"/>\n' + "\n".join(shapes) + "\n</svg>\n")
