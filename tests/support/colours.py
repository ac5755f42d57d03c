"""How far colours are apart, also to eyes that lack one kind of cone. Colours are text, as '#0B65A3'."""

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]

# What each kind of eye sees of linear RGB, at full severity.
# Source: Machado et al., "A Physiologically-based Model for Simulation of Color Vision Deficiency", 2009.
VISIONS = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
_LUMINANCE = np.array([0.2126, 0.7152, 0.0722])
_TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
_WHITE = _TO_XYZ @ np.ones(3)


def contrast(one: str, other: str) -> float:
    """The contrast ratio of Web Content Accessibility Guidelines 2.2: 1 to 21."""
    darker, lighter = sorted(float(_LUMINANCE @ _linear(colour)) for colour in (one, other))
    return (lighter + 0.05) / (darker + 0.05)


def distance(one: str, other: str, vision: str) -> float:
    """The distance in CIE 1976 L*a*b* as one kind of eye sees it; about 2 can just be seen."""
    seen = [_lab(np.clip(VISIONS[vision] @ _linear(colour), 0, 1)) for colour in (one, other)]
    return float(np.linalg.norm(seen[0] - seen[1]))


def _linear(colour: str) -> Vector:
    channels = np.array([int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)])
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def _lab(linear: Vector) -> Vector:
    ratios = _TO_XYZ @ linear / _WHITE
    x, y, z = np.where(ratios > (6 / 29) ** 3, np.cbrt(ratios), ratios / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])
