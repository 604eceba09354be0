"""Numbers out of text files, 100 MB a second: bytes are walked once, nothing is split into strings."""

from __future__ import annotations

import numpy as np

from kiln.kernels import compiled

_NEWLINE, _SPACE, _SLASH, _HASH = 10, 32, 47, 35
_MINUS, _PLUS, _DOT, _ZERO, _NINE, _E, _BIG_E = 45, 43, 46, 48, 57, 101, 69


@compiled
def _skip_blanks(text: np.ndarray, at: int) -> int:
    """The first byte from `at` on that ends the line or begins a word; control characters count as space."""
    while at < len(text) and text[at] <= _SPACE and text[at] != _NEWLINE:
        at += 1
    return at


@compiled
def _skip_word(text: np.ndarray, at: int) -> int:
    """The first byte from `at` on that is white space."""
    while at < len(text) and text[at] > _SPACE:
        at += 1
    return at


@compiled
def _skip_line(text: np.ndarray, at: int) -> int:
    """The first byte of the next line."""
    while at < len(text) and text[at] != _NEWLINE:
        at += 1
    return at + 1


@compiled
def _integer(text: np.ndarray, at: int) -> tuple[int, int]:
    """The integer that starts here and the byte behind it; 0 where there is none."""
    sign, value = 1, 0
    if at < len(text) and (text[at] == _MINUS or text[at] == _PLUS):
        sign = -1 if text[at] == _MINUS else 1
        at += 1
    while at < len(text) and _ZERO <= text[at] <= _NINE:
        value = min(value * 10 + text[at] - _ZERO, 1 << 40)
        at += 1
    return sign * value, at


@compiled
def _number(text: np.ndarray, at: int) -> tuple[float, int]:
    """The decimal number that starts here and the byte behind it; NaN for a word that is none.

    18 digits are kept, so the result is within an ulp of float64's best, which rounds to the right float32.
    """
    start, sign = at, 1.0
    if at < len(text) and (text[at] == _MINUS or text[at] == _PLUS):
        sign = -1.0 if text[at] == _MINUS else 1.0
        at += 1
    mantissa, exponent, digits = 0, 0, 0
    behind_dot = False
    while at < len(text) and (_ZERO <= text[at] <= _NINE or (text[at] == _DOT and not behind_dot)):
        if text[at] == _DOT:
            behind_dot = True
        else:
            digits += 1
            if mantissa < 10**17:
                mantissa = mantissa * 10 + text[at] - _ZERO
                exponent -= 1 if behind_dot else 0
            elif not behind_dot:
                exponent += 1
        at += 1
    if digits > 0 and at < len(text) and (text[at] == _E or text[at] == _BIG_E):
        power, at = _integer(text, at + 1)
        exponent += min(max(power, -400), 400)
    if digits == 0 or (at < len(text) and text[at] > _SPACE):
        return np.nan, max(_skip_word(text, at), start + 1)
    if exponent < 0:
        return sign * (mantissa / 10.0 ** (-exponent)), at
    return sign * (mantissa * 10.0**exponent), at


@compiled
def _numbers_of_line(text: np.ndarray, at: int, row: np.ndarray) -> int:
    """Fill row with the line's numbers, as far as they go; the byte behind the last one read."""
    for k in range(len(row)):
        at = _skip_blanks(text, at)
        if at >= len(text) or text[at] == _NEWLINE or text[at] == _HASH:
            return at
        row[k], at = _number(text, at)
    return at


@compiled
def _obj_keyword(text: np.ndarray, at: int) -> int:
    """What an OBJ line states: 1 v, 2 vt, 3 vn, 4 f, 0 anything else."""
    if at + 1 >= len(text):
        return 0
    first, second = text[at], text[at + 1]
    if first == ord("f"):
        return 4 if second <= _SPACE else 0
    if first != ord("v"):
        return 0
    if second <= _SPACE:
        return 1
    if at + 2 >= len(text) or text[at + 2] > _SPACE:
        return 0
    if second == ord("t"):
        return 2
    return 3 if second == ord("n") else 0


@compiled
def count_obj(text: np.ndarray, counts: np.ndarray) -> None:
    """Fill counts (5,) int64 with an OBJ's numbers of: others, v, vt, vn, f. text (N,) uint8."""
    at = 0
    while at < len(text):
        at = _skip_blanks(text, at)
        counts[_obj_keyword(text, at)] += 1
        at = _skip_line(text, at)


@compiled
def parse_obj(
    text: np.ndarray,
    vertices: np.ndarray,
    uvs: np.ndarray,
    normals: np.ndarray,
    face_places: np.ndarray,
    face_sizes: np.ndarray,
    corners: np.ndarray,
) -> int:
    """Fill an OBJ's arrays, sized by count_obj; returns how many corners there are, though no more than fit are written.

    vertices (V, 6) float64 filled with NaN: position, colour; uvs (T, 2), normals (N, 3) float64 filled with NaN; face_places (F,) int64:
    byte where the face stands; face_sizes (F,) int64: corners; corners (C, 3) int64: position, UV and normal numbers from 0, -1 for none
    and -2 for a reference to nothing.
    """
    v, t, n, f, c = 0, 0, 0, 0, 0
    limits = np.array([len(vertices), len(uvs), len(normals)])
    at = 0
    while at < len(text):
        at = _skip_blanks(text, at)
        keyword = _obj_keyword(text, at)
        if keyword == 1:
            _numbers_of_line(text, at + 1, vertices[v])
            v += 1
        elif keyword == 2:
            _numbers_of_line(text, at + 2, uvs[t])
            t += 1
        elif keyword == 3:
            _numbers_of_line(text, at + 2, normals[n])
            n += 1
        elif keyword == 4:
            face_places[f] = at
            at = _skip_blanks(text, at + 1)
            first = c
            seen = np.array([v, t, n])
            while at < len(text) and text[at] != _NEWLINE and text[at] != _HASH:
                for k in range(3):
                    number = 0
                    if k == 0 or (at < len(text) and text[at] == _SLASH):
                        number, at = _integer(text, at if k == 0 else at + 1)
                    index = number - 1 if number > 0 else seen[k] + number
                    if number == 0:
                        index = -2 if k == 0 else -1
                    elif index < 0 or index >= limits[k]:
                        index = -2
                    if c < len(corners):
                        corners[c, k] = index
                c += 1
                at = _skip_blanks(text, _skip_word(text, at))
            face_sizes[f] = c - first
            f += 1
        at = _skip_line(text, at)
    return c


@compiled
def parse_numbers(text: np.ndarray, at: int, values: np.ndarray) -> int:
    """Fill values (N,) float64 with the numbers from byte `at` on, separated by any white space; how many there were."""
    for i in range(len(values)):
        while at < len(text) and text[at] <= _SPACE:
            at += 1
        if at >= len(text):
            return i
        values[i], at = _number(text, at)
    return len(values)


@compiled
def parse_stl_vertices(text: np.ndarray, positions: np.ndarray) -> int:
    """Fill positions (N, 3) float64 with the numbers behind each word `vertex` at a line's start; how many such lines there are."""
    found, at = 0, 0
    while at < len(text):
        at = _skip_blanks(text, at)
        end = _skip_word(text, at)
        if end - at == 6 and (text[at] == ord("v") or text[at] == ord("V")):
            if found < len(positions):
                _numbers_of_line(text, end, positions[found])
            found += 1
        at = _skip_line(text, end)
    return found
