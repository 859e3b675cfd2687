// The Calibration target.
